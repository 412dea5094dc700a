"""A name server of one name, whose addresses a test may change: as a headless Service of Kubernetes has it."""

import socket
import struct
import threading

__all__ = ["NameServer"]

_ANSWER_TO_A_QUESTION, _A, _SECONDS = 0x8580, 1, 1


class NameServer:
    """Answers every question of IPv4 addresses with `addresses`, and all others with none (RFC 1035, section 4)."""

    def __init__(self, addresses):
        self.addresses = list(addresses)

    def __enter__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while (got := self._socket.recvfrom(512))[0]:
            asked, caller = got
            end = asked.index(b"\0", 12) + 5  # the name, its kind and its class
            kind = struct.unpack_from("!H", asked, end - 4)[0]
            found = [socket.inet_aton(address) for address in self.addresses] if kind == _A else []
            head = struct.pack(
                "!HHHHHH", *struct.unpack_from("!H", asked), _ANSWER_TO_A_QUESTION, 1, len(found), 0, 0
            )
            answers = [struct.pack("!HHHIH", 0xC00C, _A, 1, _SECONDS, len(bits)) + bits for bits in found]
            self._socket.sendto(head + asked[12:end] + b"".join(answers), caller)
