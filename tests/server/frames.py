"""A caller who speaks HTTP/2 by hand, and so may leave undone what gRPC's clients do by themselves."""

import queue
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, PING, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
_CANCEL = 8
_END_HEADERS, _INITIAL_WINDOW_SIZE = 4, 4


def frame(kind, payload=b"", stream=0, flags=0):
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literals(fields):
    """Header fields as HPACK's literals without indexing (RFC 7541, section 6.2.2); none is longer than 126 bytes."""
    packed = b""
    for name, value in fields:
        packed += b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
    return packed


class HandMade:
    """A connection to a server on this machine, from an address of it; with `window` bytes that it takes of each
    stream."""

    def __init__(self, port, window=65_535, source="127.0.0.1"):
        self._socket = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
        self._headers = queue.SimpleQueue()
        self._lock, self._initial = threading.Lock(), 65_535
        # What may be sent on the connection (0), and beyond `_initial` of each stream.
        self._windows = Counter({0: 65_535})
        settings = struct.pack(">HI", _INITIAL_WINDOW_SIZE, window)
        self._send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frame(_SETTINGS, settings), frame(_SETTINGS, flags=1))
        self._stream = -1
        self._receiver = threading.Thread(target=self._receive, daemon=True)
        self._receiver.start()

    def _send(self, *parts):
        self._socket.sendall(b"".join(parts))

    def begin(self, method, metadata=()):
        """Begins a call of /package.Service/Method, without a message; its stream."""
        self._stream += 2
        fields = [(":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost")]
        fields += [("te", "trailers"), ("content-type", "application/grpc"), *metadata]
        self._send(frame(_HEADERS, literals(fields), self._stream, _END_HEADERS))
        return self._stream

    def message(self, stream, payload, announced=None, end=True, compressed=False):
        """Sends a message of a call, which may announce more bytes than come."""
        prefix = struct.pack(">BI", compressed, len(payload) if announced is None else announced)
        self._data(stream, prefix + payload, end)

    def messages(self, stream, payload, count):
        """Sends a message so many times, as far as the server lets them come."""
        one = struct.pack(">BI", 0, len(payload)) + payload
        while count > 0:
            some = min(count, (1 << 14) // len(one))
            while self._room(stream) < some * len(one):
                time.sleep(0.001)
            self._data(stream, one * some)
            count -= some

    def flood(self, kind, count, payload=bytes(8)):
        """Sends so many frames of the connection itself."""
        for _ in range(count // 100):
            self._send(frame(kind, payload) * 100)

    def reset(self, stream):
        """Gives a call up."""
        self._send(frame(_RST_STREAM, struct.pack(">I", _CANCEL), stream))

    def read_on(self, stream, size=65_536):
        """Takes so many bytes of a call's answer."""
        self._send(frame(_WINDOW_UPDATE, struct.pack(">I", size), stream))

    def headers(self):
        """The next headers or trailers that come, as HPACK has them."""
        return self._headers.get(timeout=60)

    def _receive(self):
        """Takes what comes, and answers pings: the caller is there, and only does not read."""
        with suppress(OSError), self._socket.makefile("rb") as received:
            while len(head := received.read(9)) == 9:
                kind, flags = head[3], head[4]
                payload = received.read(int.from_bytes(head[:3], "big"))
                if kind == _HEADERS:
                    self._headers.put(payload)
                elif kind == _WINDOW_UPDATE:
                    with self._lock:
                        self._windows[int.from_bytes(head[5:9], "big")] += int.from_bytes(payload, "big")
                elif kind == _SETTINGS and not flags:
                    settings = dict(struct.iter_unpack(">HI", payload))
                    self._initial = settings.get(_INITIAL_WINDOW_SIZE, self._initial)
                elif kind == PING and not flags:
                    self._send(frame(PING, payload, flags=1))

    def pour(self, size, streams, quiet):
        """Sends up to `size` bytes more of each stream's message, as far as the server lets them come, until it has let
        nothing come for `quiet` seconds; how many bytes of each stream were sent."""
        sent = Counter(dict.fromkeys(streams, 0))
        last = time.monotonic()
        while time.monotonic() < last + quiet:
            for stream in streams:
                room = min(self._room(stream), size - sent[stream], 1 << 14)
                if room > 0:
                    self._data(stream, bytes(room))
                    sent[stream] += room
                    last = time.monotonic()
            time.sleep(0.001)
        return sent

    def _room(self, stream):
        """Bytes that the server lets come of a stream."""
        with self._lock:
            return min(self._windows[0], self._initial + self._windows[stream])

    def _data(self, stream, payload, end=False):
        self._send(frame(_DATA, payload, stream, int(end)))
        with self._lock:
            for one in (0, stream):
                self._windows[one] -= len(payload)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(OSError):  # the server may have closed it
            self._socket.shutdown(socket.SHUT_RDWR)
        self._receiver.join()
        self._socket.close()
