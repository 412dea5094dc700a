"""What an engine has done since it began: for who watches it."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["LATE", "STEP_BOUNDS", "Counts"]

#: Seconds that a chunk may be late before it counts: half of what a player keeps in hand.
LATE = 0.01
#: Seconds by which steps are told apart: a chunk lasts 10 ms, or some of them.
STEP_BOUNDS = (0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass
class Counts:
    """Written by the engine's workers, and read by anybody."""

    steps: int = 0
    streams: int = 0
    """In these steps, each as often as it was in one."""
    step_seconds: float = 0.0
    """Of all steps, by the clock; those of several workers go on at one time."""
    step_buckets: list[int] = field(default_factory=lambda: [0] * (len(STEP_BOUNDS) + 1))
    """Steps by how long they took: up to the first of `STEP_BOUNDS`, up to the second, ..., beyond the last."""
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
            self.step_buckets[bisect_left(STEP_BOUNDS, seconds)] += 1

    def handed_out(self, late: Sequence[float]) -> None:
        """Chunks were handed out, so many seconds after they were due."""
        with self._lock:
            self.chunks += len(late)
            self.late += sum(seconds > LATE for seconds in late)
