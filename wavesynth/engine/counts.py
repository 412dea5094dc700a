"""What an engine has done since it began: for who watches it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["LATE", "Counts"]

#: Seconds that a chunk may be late before it counts: half of what a player keeps in hand.
LATE = 0.01


@dataclass
class Counts:
    """Written by the engine's workers, and read by anybody."""

    steps: int = 0
    streams: int = 0
    """In these steps, each as often as it was in one."""
    step_seconds: float = 0.0
    """Of all steps, by the clock; those of several workers go on at one time."""
    chunks: int = 0
    """Of live streams, but their first ones."""
    late: int = 0
    """Of these, those that came more than `LATE` seconds after they were due."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def step(self, streams: int, seconds: float) -> None:
        """A step has ended."""
        with self._lock:
            self.steps += 1
            self.streams += streams
            self.step_seconds += seconds

    def handed_out(self, late: Sequence[float]) -> None:
        """Chunks were handed out, so many seconds after they were due."""
        with self._lock:
            self.chunks += len(late)
            self.late += sum(seconds > LATE for seconds in late)
