"""The Unix socket between the engine's process and a front end: messages that are lengths, kinds and plain data.

Most are `WROTE`: for each stream in whose ring something was written since the last message, how much. So there is one
message, and one wake-up, a step and direction, however many streams the step has. `READ` gives room back. `CONTROL` is
JSON, and comes a few times a call: what is asked for, whether there is room for it, how it ended.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["CONTROL", "READ", "WROTE", "Wire", "read_counts", "written_counts"]

CONTROL, WROTE, READ = range(3)

_HEADER = struct.Struct("<IB")
#: Stream, bytes written to its ring, samples made of it so far.
_WROTE = struct.Struct("<IIQ")
#: Stream, bytes read from its ring.
_READ = struct.Struct("<II")
_CHUNK = 256 * 1024


class Wire:
    """One end of the socket. Nothing waits: what the socket does not take at once goes with the next `flush`."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._in, self._out = bytearray(), bytearray()

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Closes the socket: the other end reads an end of file."""
        self._socket.close()

    @property
    def pending(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._out)

    def control(self, **message: Any) -> None:
        """Adds a message of JSON to what is to be sent."""
        self._add(CONTROL, json.dumps(message).encode())

    def wrote(self, counts: Iterable[tuple[int, int, int]]) -> None:
        """Adds how much was written: stream, bytes, samples made."""
        self._add(WROTE, b"".join([_WROTE.pack(*count) for count in counts]))

    def read(self, counts: Iterable[tuple[int, int]]) -> None:
        """Adds how much was read: stream, bytes."""
        self._add(READ, b"".join([_READ.pack(*count) for count in counts]))

    def flush(self) -> None:
        """Sends what the socket takes. An end that is gone takes nothing: `receive` will say so."""
        try:
            while self._out:
                del self._out[: self._socket.send(self._out)]
        except BlockingIOError:
            pass
        except OSError:
            self._out.clear()

    def receive(self) -> list[tuple[int, bytes]]:
        """The messages that have come, with their kinds. Raises EOFError when the other end is gone."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        self._in += data
        messages, at = [], 0
        while len(self._in) >= at + _HEADER.size:
            size, kind = _HEADER.unpack_from(self._in, at)
            if len(self._in) < at + _HEADER.size + size:
                break
            at += _HEADER.size + size
            messages.append((kind, bytes(self._in[at - size : at])))
        del self._in[:at]
        return messages

    def _add(self, kind: int, payload: bytes) -> None:
        self._out += _HEADER.pack(len(payload), kind) + payload


def written_counts(payload: bytes) -> Iterator[tuple[int, int, int]]:
    """What `Wire.wrote` was given."""
    return _WROTE.iter_unpack(payload)


def read_counts(payload: bytes) -> Iterator[tuple[int, int]]:
    """What `Wire.read` was given."""
    return _READ.iter_unpack(payload)
