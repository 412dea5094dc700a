"""Files that are read again when they change, so that a certificate or a list of tokens is replaced without a stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from wavesynth.files import sentence
from wavesynth.server.telemetry import log

__all__ = ["EVERY", "Followed", "sign_of", "sign_of_folder"]

T = TypeVar("T")
#: Seconds between two looks at the files, at least.
EVERY = 1.0
#: The files by which a folder of a voice or of a model is known to have changed.
_FILES = ("voice.json", "model.json", "weights.safetensors")


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

    @property
    def files(self) -> list[str]:
        """The paths."""
        return [str(path) for path in self._paths]

    def again(self) -> str | None:
        """Reads the files now, whether they have changed or not; why they cannot be used, in a sentence, if so."""
        with self._lock:
            self._signs, self._looked_at = self._signs_now(), time.monotonic()
            return self._again()

    def _again(self) -> str | None:
        try:
            self._value = self._read(self._value)
        except (ValueError, OSError) as error:
            reason = sentence(error)
            log("a file cannot be used; what was there before stays", files=self.files, reason=reason)
            return reason
        log("a file was read again", files=self.files)
        return None

    def _signs_now(self) -> list[tuple[int, int, int] | None]:
        return [sign_of(path) for path in self._paths]


def sign_of(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None without one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def sign_of_folder(folder: Path) -> str:
    """What changes when a voice or a model in a folder does."""
    return str([sign_of(folder / name) for name in _FILES])
