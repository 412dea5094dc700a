"""Files that are read again when they change, so that a certificate or a list of tokens is replaced without a stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from wavesynth.server.telemetry import log

__all__ = ["EVERY", "Followed"]

T = TypeVar("T")
#: Seconds between two looks at the files, at least.
EVERY = 1.0


class Followed(Generic[T]):
    """What `read` makes of `paths`, given what it was before; for several threads.

    Making it raises what `read` raises. Later a file that cannot be used is logged, and what was there before stays.
    """

    def __init__(self, paths: Sequence[Path], read: Callable[[T | None], T]) -> None:
        self._paths, self._read = paths, read
        self._lock = threading.Lock()
        self._signs, self._looked_at = self._signs_now(), time.monotonic()
        self._value = read(None)

    def current(self) -> T:
        """What it is now."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at >= EVERY:
                self._looked_at = now
                signs = self._signs_now()
                if signs != self._signs:
                    self._signs = signs
                    self._again()
            return self._value

    def _again(self) -> None:
        names = [str(path) for path in self._paths]
        try:
            self._value = self._read(self._value)
        except (ValueError, OSError) as error:
            log(
                "a file has changed and cannot be used; what was there before stays",
                files=names,
                reason=str(error),
            )
        else:
            log("a file has changed and was read again", files=names)

    def _signs_now(self) -> list[tuple[int, int, int] | None]:
        return [_sign(path) for path in self._paths]


def _sign(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None without one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
