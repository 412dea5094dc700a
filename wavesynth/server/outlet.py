"""Standard output and standard error that hold up nobody who writes to them: a thread of their own does the writing.

Who reads the log of a service may stop. A write to a pipe that is full waits for ever, and one to a full disk fails.
Calls, health and the end of the service depend on neither.
"""

from __future__ import annotations

import io
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from queue import SimpleQueue
from typing import TextIO

from typing_extensions import override

__all__ = ["Outlet", "outlets"]

#: Characters that may wait, some thousand lines of the log.
_ROOM = 2**20
#: Seconds in which what waits can still be written at the end.
_PATIENCE = 2.0


class Outlet(io.TextIOBase):
    """A text stream to another one's file. `write` never waits and never fails.

    At most `room` characters wait for the thread that writes them. What does not fit, or cannot be written, is dropped,
    and its lines are counted. `count_lost` is told at once; `report`, on the thread, when all that waited is written.
    """

    def __init__(
        self, stream: TextIO, report: Callable[[int], None] = lambda lines: None, room: int = _ROOM
    ) -> None:
        self._file, self._report, self._room = stream.fileno(), report, room
        self._encoding, self._errors = stream.encoding, stream.errors or "strict"
        self._lock = threading.RLock()  # a collection of garbage may write on a thread that holds it
        self._waiting: SimpleQueue[str | None] = SimpleQueue()
        self._size = self._lost = self._reported = 0
        self._count: Callable[[int], object] = lambda lines: None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="wavesynth-outlet", daemon=True)
        self._thread.start()

    @property
    @override
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's."""
        return self._encoding

    @override
    def fileno(self) -> int:
        """The stream's."""
        return self._file

    @override
    def writable(self) -> bool:
        """True."""
        return True

    @override
    def write(self, text: str) -> int:
        """Gives `text` to the thread, or drops it."""
        if not isinstance(text, str):  # as callers ask whether a stream takes bytes
            raise TypeError(f"text is {type(text).__name__}; it must be str")
        with self._lock:
            fits = self._size + len(text) <= self._room
            if fits and not self._ended:
                self._size += len(text)
                self._waiting.put(text)
        if not fits:
            self._lose(text)
        return len(text)

    def count_lost(self, count: Callable[[int], object]) -> None:
        """Has `count` called with how many lines were lost so far, and with how many whenever some are."""
        with self._lock:
            self._count, lost = count, self._lost
        count(lost)

    def end(self, patience: float = _PATIENCE) -> None:
        """Writes what waits, as far as it goes in so many seconds; what comes later is dropped."""
        with self._lock:
            self._ended = True
        self._waiting.put(None)
        self._thread.join(patience)

    def _lose(self, text: str) -> None:
        lines = text.count("\n")
        with self._lock:
            self._lost += lines
        self._count(lines)

    def _run(self) -> None:
        while (text := self._waiting.get()) is not None:
            try:
                # Not by the stream, whose lock would be held where it waits, and stop the end of the process.
                _write(self._file, text.encode(self._encoding, self._errors))
                written = True
            except (OSError, ValueError):
                self._lose(text)
                written = False
            with self._lock:
                self._size -= len(text)
                lost = 0
                if written and not self._size:  # so that there is room to say so
                    lost, self._reported = self._lost - self._reported, self._lost
            if lost:
                self._report(lost)


@contextmanager
def outlets(report: Callable[[int], None]) -> Iterator[None]:
    """Within, standard output and standard error are outlets; streams without a file, as tests have, stay what they
    are. `report` is told of lines of standard error that were lost."""
    with ExitStack() as stack:
        for stream, redirect, told in (
            (sys.stdout, redirect_stdout, lambda lines: None),
            (sys.stderr, redirect_stderr, report),
        ):
            try:
                outlet = Outlet(stream, told)
            except OSError:
                continue
            stack.callback(outlet.end)
            stack.enter_context(redirect(outlet))
        yield


def _write(file: int, data: bytes) -> None:
    """Writes all of it, however long that takes."""
    while data:
        try:
            data = data[os.write(file, data) :]
        except BlockingIOError:  # another process has set the file so
            select.select([], [file], [])
