"""The memory that the engine's process and the front ends share: a slot for each stream, with two rings."""

from __future__ import annotations

import mmap
import os
import tempfile

__all__ = ["SharedSlots"]

#: Bytes of the ring of a stream's input: a second of 16-bit samples at 16 kHz, half a second of float32.
INPUT = 32 * 1024
#: Bytes of the ring of a stream's audio: a quarter of a second at 16 kHz. What is made beyond it waits in the engine.
OUTPUT = 8 * 1024


class SharedSlots:
    """So many slots, in memory that no name leads to: nothing is left when the last process that has it has ended.

    `fd` is handed to a front end, which makes its own of it. Raises OSError, in a sentence, when there is not as much
    memory: all of it is taken at once, since a process that first touches a page for which there is no memory is
    killed.
    """

    def __init__(self, slots: int, fd: int | None = None) -> None:
        self.slots = slots
        size = slots * (INPUT + OUTPUT)
        try:
            self.fd = _allocated(size) if fd is None else fd
            self._mapped = mmap.mmap(self.fd, size, flags=mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0))
        except OSError as error:
            raise OSError(
                f"cannot share {size / 2**20:.1f} MiB of memory between processes, for {slots} streams: "
                f"{error.strerror}; fewer --live-streams need less, and --workers 0 none"
            ) from error
        self._view = memoryview(self._mapped)

    def close(self) -> None:
        """Hands the memory to nobody any more."""
        os.close(self.fd)

    def input(self, slot: int) -> memoryview:
        """The memory of a slot's ring of input."""
        at = slot * (INPUT + OUTPUT)
        return self._view[at : at + INPUT]

    def output(self, slot: int) -> memoryview:
        """The memory of a slot's ring of audio."""
        at = slot * (INPUT + OUTPUT) + INPUT
        return self._view[at : at + OUTPUT]


def _allocated(size: int) -> int:
    """The descriptor of so many bytes of memory."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("wavesynth-streams")
    else:
        fd, name = tempfile.mkstemp(prefix="wavesynth-")
        os.unlink(name)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, size)
        else:
            os.truncate(fd, size)
    except BaseException:
        os.close(fd)
        raise
    return fd
