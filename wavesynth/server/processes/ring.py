"""A ring of bytes in shared memory between one writer and one reader, each in a process of its own.

The memory holds the bytes and nothing else. How many were written the reader hears by a message, and so does the writer
how many were read (wavesynth.server.processes.wire). The order of loads and stores therefore needs no fences, on Arm as
on x86: the kernel takes a lock of the socket's queue to put a message in and to take it out, so what the sender stored
(or loaded) before it sent is done for whoever has received. Neither side looks at bytes that no message was about.

A record that is longer than half a ring does not fit beside one of any length: writers cut at `longest`. Readers may
then wait until they have read half a ring before they say so, and no writer waits for ever.
"""

from __future__ import annotations

__all__ = ["RingReader", "RingWriter"]


class RingWriter:
    """The writer's side."""

    def __init__(self, memory: memoryview) -> None:
        self._memory, self._size, self._position = memory, len(memory), 0
        self.room = len(memory)
        """Bytes that may be written."""
        self.longest = len(memory) // 2
        """Bytes of a record, at most."""

    def write(self, data: bytes) -> None:
        """Writes bytes for which there is `room`."""
        size = len(data)
        assert size <= self.room
        self.room -= size
        begin, end = self._position, self._position + size
        if end <= self._size:
            self._memory[begin:end] = data
            self._position = end if end < self._size else 0
        else:
            first = self._size - begin
            self._position = size - first
            self._memory[begin:] = data[:first]
            self._memory[: self._position] = data[first:]

    def was_read(self, size: int) -> None:
        """The reader has said that it has read so many bytes more."""
        self.room += size


class RingReader:
    """The reader's side."""

    def __init__(self, memory: memoryview) -> None:
        self._memory, self._size, self._position = memory, len(memory), 0
        self.waiting = 0
        """Bytes that were written and not read."""
        self._unsaid = 0

    def was_written(self, size: int) -> None:
        """The writer has said that it has written so many bytes more."""
        self.waiting += size

    def read(self, size: int) -> bytearray:
        """The next bytes, of those that are `waiting`."""
        assert size <= self.waiting
        self.waiting -= size
        self._unsaid += size
        begin, end = self._position, self._position + size
        if end <= self._size:
            self._position = end if end < self._size else 0
            return bytearray(self._memory[begin:end])
        self._position = end - self._size
        return bytearray(self._memory[begin:]) + self._memory[: self._position]

    def to_say(self) -> int:
        """Bytes read that the writer must hear of, once they are half a ring; 0 until then."""
        if 2 * self._unsaid < self._size:
            return 0
        said, self._unsaid = self._unsaid, 0
        return said
