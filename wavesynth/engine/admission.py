"""Whether there is room for one more stream."""

from __future__ import annotations

from collections.abc import Sequence

from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.stream import EngineRequest, EngineStream

__all__ = ["Admission", "CapacityError"]


class CapacityError(Exception):
    """There is no room for the stream now; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Admission:
    """Admits live streams as far as `capacity` says, and `waiting` offline ones."""

    def __init__(self, capacity: Capacity, waiting: int) -> None:
        self.capacity, self._waiting = capacity, waiting

    def check(self, request: EngineRequest, others: Sequence[EngineStream]) -> None:
        """Raises CapacityError unless there is room beside `others`, the open ones of its kind."""
        if request.live:
            fits = not others or self.capacity.fits([*(s.voice for s in others), request.voice])
        else:
            fits = len(others) < self._waiting
        if not fits:
            kind = "live" if request.live else "offline"
            raise CapacityError(
                f"all {len(others)} places for {kind} streams are taken", _retry_after(others)
            )

    def observe(self, late: Sequence[float]) -> None:
        """Takes note of how late chunks of live streams were handed out, in seconds; below 0 if early."""


def _retry_after(streams: Sequence[EngineStream]) -> float:
    """Seconds until the first of `streams` should end, if they go on in real time; within 0.1 to 10."""
    left = [
        (s.request.samples - s.samples_made) / s.plane.sample_rate
        for s in streams
        if s.request.samples is not None
    ]
    return min(max(min(left, default=1.0), 0.1), 10.0)
