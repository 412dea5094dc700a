"""Whether there is room for one more stream."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from wavesynth.engine.counts import LATE
from wavesynth.engine.scheduler import Capacity, StreamDemand
from wavesynth.engine.stream import EngineRequest, EngineStream

__all__ = ["Admission", "CapacityError"]

#: Part of the room that is taken away when chunks are late.
_STEP_BACK = 0.05
#: Seconds between two such steps; and from one to the next, at most, if it was no passing pause of the machine.
_BETWEEN, _AGAIN = 0.25, 1.0
#: Part of the room that comes back in a second in which no chunk is late.
_STEP_FORWARD = 0.01


class CapacityError(Exception):
    """There is no room for the stream now; `retry_after` is in seconds.

    `reason` is what is used up: all places, the client's share of them, or its limit.
    """

    def __init__(self, message: str, retry_after: float, reason: str = "places") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reason = reason


class Admission:
    """Admits live streams as far as `capacity` says, and `waiting` offline ones, of `offline_samples` together;
    of both a client may have the part `share`, and always one.

    What was measured is too much where other programs take the cores. So chunks that are late take room away: a
    little at first, and below what is in use if they are late again within a second. It comes back slowly.
    """

    def __init__(
        self,
        capacity: Capacity,
        waiting: int,
        clock: Callable[[], float] = time.monotonic,
        share: float = 1.0,
        offline_samples: int | None = None,
    ) -> None:
        self._offline_samples = offline_samples
        self.capacity, self._waiting, self._clock, self._share = capacity, waiting, clock, share
        self._lock = threading.Lock()
        self._room, self._since = 1.0, clock()  # part of the capacity's limit, and when that was said
        self._late_at = -math.inf  # when chunks were last late

    @property
    def room(self) -> float:
        """The part of what was measured that streams may take now, 0 to 1."""
        with self._lock:
            return self._room_at(self._clock())

    def load(self, streams: Iterable[StreamDemand]) -> float:
        """The part of the capacity that these live streams take."""
        return self.capacity.load_of(self.capacity.demand(streams)) / self.capacity.limit

    def check(self, request: EngineRequest, others: Sequence[EngineStream]) -> None:
        """Raises CapacityError unless there is room beside `others`, the open ones of its kind."""
        kind = "live" if request.live else "offline"
        if not self._fits(request, others, self.room if request.live else 1.0):
            raise CapacityError(
                f"all {len(others)} places for {kind} streams are taken", _retry_after(others)
            )
        if not request.live:
            self._check_length(request, others)
        its_own = [s for s in others if request.client and s.request.client == request.client]
        if request.client_streams is not None and len(its_own) >= request.client_streams:
            raise CapacityError(
                f"{request.client} has {len(its_own)} {kind} streams; it may have {request.client_streams}",
                _retry_after(its_own),
                "limit",
            )
        if not self._fits(request, its_own, self._share):
            raise CapacityError(
                f"{request.client} has {len(its_own)} of the places for {kind} streams; a client may have "
                f"{self._share:.0%} of them",
                _retry_after(its_own),
                "share",
            )

    def _check_length(self, request: EngineRequest, others: Sequence[EngineStream]) -> None:
        """Raises CapacityError if all offline streams together would keep too much in memory."""
        if not others or self._offline_samples is None:
            return
        samples, its_own = sum(max(_most(s.request), s.samples_made) for s in others), _most(request)
        if samples + its_own > self._offline_samples:
            raise CapacityError(
                f"the offline streams under way count for {samples} samples, and this one for {its_own}"
                + ", the most that its text may make" * (request.most_samples is not None)
                + f"; together they may have {self._offline_samples}",
                _retry_after(others),
            )

    def _fits(self, request: EngineRequest, others: Sequence[EngineStream], part: float) -> bool:
        """Whether there is room beside `others` in that part of the places for streams of its kind."""
        if not others:
            return True
        if request.live:
            return self.load([*(stream.request for stream in others), request]) <= part + 1e-9
        return len(others) < part * self._waiting

    def observe(self, late: Sequence[float], live: Callable[[], Iterable[StreamDemand]]) -> None:
        """Takes note of how late chunks of live streams were handed out, in seconds; below 0 if early. `live` gives all
        that are open."""
        if not self.capacity.measured or not late or max(late) < LATE:
            return
        now = self._clock()
        used = self.load(live())
        with self._lock:
            if now - self._late_at < _BETWEEN:
                return
            again, self._late_at = now - self._late_at <= _AGAIN, now
            room = self._room_at(now)
            self._room, self._since = max(0.0, (min(room, used) if again else room) - _STEP_BACK), now

    def _room_at(self, now: float) -> float:
        """What has come back by now is added to what was said."""
        return min(1.0, self._room + _STEP_FORWARD * (now - self._since))


def _most(request: EngineRequest) -> int:
    """Samples that a stream may have at its end, as far as that is known beforehand."""
    return request.samples or request.most_samples or 0


def _retry_after(streams: Sequence[EngineStream]) -> float:
    """Seconds until the first of `streams` should end, if they go on in real time; within 0.1 to 10."""
    left = [
        (s.request.samples - s.samples_made) / s.plane.sample_rate
        for s in streams
        if s.request.samples is not None
    ]
    return min(max(min(left, default=1.0), 0.1), 10.0)
