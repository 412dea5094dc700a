"""A page that speaks HTTP and WebSocket by hand, and so may say and leave out what no browser would."""

import socket
import struct

__all__ = ["BINARY", "CLOSE", "CONTINUATION", "PING", "TEXT", "UPGRADE", "HandMadePage", "ws_frame"]

CONTINUATION, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def ws_frame(opcode, payload=b"", final=True, masked=True):
    """A frame of WebSocket (RFC 6455, section 5.2), masked by zeros."""
    mask = 0x80 * masked
    head = bytes([0x80 * final | opcode])
    if len(payload) < 126:
        head += bytes([mask | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([mask | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([mask | 127]) + struct.pack(">Q", len(payload))
    return head + bytes(4 * masked) + payload


class HandMadePage:
    """A connection to a server's page on this machine."""

    def __init__(self, port, timeout=None):
        self.port = port
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(timeout)

    def send(self, *parts):
        """Sends bytes."""
        self._socket.sendall(b"".join(parts))

    def upgrade(self, path="/stream"):
        """Becomes a WebSocket; what came back."""
        self.send(UPGRADE.format(path=path, port=self.port).encode())
        answer = b""
        while b"\r\n\r\n" not in answer and (piece := self._socket.recv(1)):
            answer += piece
        return answer

    def received(self, most=1 << 20):
        """All that comes until the server closes its side or stops for the connection's timeout."""
        pieces = b""
        while len(pieces) < most:
            try:
                piece = self._socket.recv(1 << 16)
            except (TimeoutError, ConnectionError):
                break
            if not piece:
                break
            pieces += piece
        return pieces

    def done(self):
        """Says that nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
