"""Which streams share a step, when it begins, and whether there is room for one more: no threads, no clocks, no audio.

A worker that has nothing to do takes the streams whose next chunks are due first. No worker is idle for long while a
stream is less than `_AT_EASE` ahead of its listener: what comes in between, another program or streams that begin, is
then not heard. Several streams cost less together than one after the other: three take half of the time that each
takes alone. So those that are further ahead wait for company, and the others for a moment. That matters most for
streams whose input comes in real time. They are never ahead, and each comes at a time of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Generic, Protocol, TypeVar

import numpy as np

__all__ = ["Capacity", "Scheduler", "StepPlan"]

#: Chunks in a step of one offline stream, which need not hurry, and of a live one that is far ahead.
_UNHURRIED, _AHEAD = 4, 2
#: Seconds that a live stream is ahead if it is far ahead.
_FAR = 0.25
#: Seconds that a live stream is ahead if it waits for company: more than a player takes in advance, 0.25 s, so that its
#: player reads when it wants to, and hears of no pause.
_AT_EASE = 0.3
#: Seconds for which one that is less ahead waits for company: less than would be a gap between two chunks of 10 ms.
_GATHER = 0.004
#: Seconds before its next chunk is due that a stream goes before those of which nothing has been heard.
_PRESSED = 0.01


class StreamDemand(Protocol):
    """What decides how much of the machine a live stream takes."""

    @property
    def voice(self) -> str:
        """Name of its voice."""

    @property
    def real_time(self) -> bool:
        """Whether its input comes as it is heard, so that it cannot be made ahead of its listener."""


@dataclass(frozen=True)
class Capacity:
    """How much of the time steps take, and how much they may.

    `load[voice]` are points (streams, load), rising: a step of so many streams of that voice takes `load` of the
    time that its audio lasts. Between the points it is interpolated, beyond the last there is no room. Voices are
    advanced one after the other, so their loads add up.
    """

    load: Mapping[str, Sequence[tuple[int, float]]]
    limit: float = 1.0
    measured: bool = False
    """Whether it was measured, and what happens may correct it; not if somebody has said how many."""
    ahead_share: Mapping[str, float] = field(default_factory=dict)
    """How much a stream of a voice counts that is made ahead of its listener, where a stream with input in real time
    counts 1. A voice that is missing here counts 1 in both cases."""

    @classmethod
    def of(cls, streams: int, voices: Iterable[str]) -> Capacity:
        """Room for so many streams, whatever their voices."""
        return cls({voice: [(streams, 1.0)] for voice in voices})

    def at_most(self, streams: int) -> Capacity:
        """The same, but with room for no more than so many streams, and always one, whatever their voices."""
        if all(self.most_streams(voice) <= streams for voice in self.load):
            return self
        each = self.limit / max(streams, 1)
        return replace(
            self,
            load={
                voice: [(n, max(load, each * n)) for n, load in points] for voice, points in self.load.items()
            },
            ahead_share={
                voice: share if self.most_streams(voice) <= streams else max(share, 1.0)
                for voice, share in self.ahead_share.items()
            },
        )

    def fits(self, voices: Iterable[str]) -> bool:
        """Whether one stream of each of `voices`, named as often as it has streams, can be made in real time."""
        return self._has_room(Counter(voices))

    def demand(self, streams: Iterable[StreamDemand]) -> dict[str, float]:
        """How many streams of each voice these live streams count as."""
        counts: dict[str, float] = {}
        for stream in streams:
            share = 1.0 if stream.real_time else self.ahead_share.get(stream.voice, 1.0)
            counts[stream.voice] = counts.get(stream.voice, 0.0) + share
        return counts

    def load_of(self, demand: Mapping[str, float]) -> float:
        """The part of the time that streams take which count as so many of each voice."""
        return sum(self._load(*group) for group in demand.items())

    def streams(self, voice: str, ahead: bool = False) -> int:
        """The most streams of `voice` alone: with input in real time, or made `ahead` of their listeners."""
        share = self.ahead_share.get(voice, 1.0) if ahead else 1.0
        most = int(self.load[voice][-1][0] / share)
        return max((n for n in range(most + 1) if self._has_room({voice: n * share})), default=0)

    def most_streams(self, voice: str) -> int:
        """The most streams of `voice` alone, of whichever kind."""
        return max(self.streams(voice), self.streams(voice, ahead=True))

    def _has_room(self, demand: Mapping[str, float]) -> bool:
        return self.load_of(demand) <= self.limit + 1e-9

    def _load(self, voice: str, streams: float) -> float:
        counts, loads = zip((0, 0.0), *self.load[voice], strict=True)
        return float(np.interp(streams, counts, loads, right=np.inf))


class Plane(Protocol):
    """What scheduling asks of a data plane (wavesynth.engine.plane)."""

    @property
    def batch(self) -> int | None:
        """Streams that one call advances best; None if the more the better."""


class Candidate(Protocol):
    """What scheduling looks at."""

    @property
    def voice(self) -> str:
        """Name of its voice."""

    @property
    def live(self) -> bool:
        """Whether somebody listens while it is made."""

    @property
    def n(self) -> int:
        """Samples that the step makes of it."""

    @property
    def due(self) -> float:
        """When its next chunk is to be there, in seconds."""

    @property
    def since(self) -> float:
        """Since when it could go on, as far as is known, in seconds."""

    @property
    def first_chunk_sent(self) -> bool:
        """Whether its listener has heard something."""

    @property
    def plane(self) -> Plane:
        """What advances it."""


C = TypeVar("C", bound=Candidate)


@dataclass(frozen=True)
class StepPlan(Generic[C]):
    """What one step of the engine makes."""

    batches: Sequence[Sequence[C]]
    """Streams of one voice each, which one call advances by as many samples as the first one can make."""
    wait: float | None = None
    """If there are no batches: seconds after which it is time to plan again; None: when something changes."""
    alone: bool = False
    """Whether nobody else has anything to do."""
    gathered: bool = False
    """Whether it has all streams that are heard, as planes without a best number want it."""

    @classmethod
    def of(cls, streams: Iterable[C], alone: bool = False) -> StepPlan[C]:
        """That of all these streams."""
        streams = list(streams)
        batches = [list(batch) for _, batch in groupby(sorted(streams, key=_batch), _batch)]
        return cls(batches, alone=alone, gathered=any(stream.first_chunk_sent for stream in streams))

    @property
    def streams(self) -> list[C]:
        """All of them."""
        return [stream for batch in self.batches for stream in batch]


@dataclass(frozen=True)
class Scheduler:
    """Chooses the streams of each step, and how much it makes of them."""

    capacity: Capacity
    chunk: int
    """Samples of a live stream in a step, at 16 kHz."""
    workers: int = 1
    """Cores that make samples."""

    def samples(self, stream: Candidate, live: int, offline: int, now: float) -> int:
        """Samples of a stream, at 16 kHz, in its next step, while so many live and offline ones are open.

        A step has a price of its own, whatever it makes, and so has a message. So nobody waits for a live stream that
        is far ahead to be made in small pieces; but one that comes must not wait long for a step's end.
        """
        if stream.live:
            return self.chunk * (_AHEAD if stream.first_chunk_sent and stream.due - now > _FAR else 1)
        return self.chunk * (1 if live else max(1, _UNHURRIED // max(1, offline)))

    def schedule(self, ready: Iterable[C], live: int = 0, now: float = 0.0, idle: int = 1) -> StepPlan[C]:
        """The next step of the streams that have input for it and room for its output, given oldest first.

        `live` streams are open, and `idle` workers have nothing to do, the one that asks among them. There is always
        one stream, unless the plan says when to ask again.
        """
        ready = list(ready)
        if any(stream.plane.batch is None for stream in ready):
            return self._together([stream for stream in ready if stream.plane.batch is None], idle)
        live_ones = sorted((s for s in ready if s.live), key=lambda s: _urgency(s, now))
        pressed = [s for s in live_ones if not s.first_chunk_sent or s.due - now < _AT_EASE]
        if pressed:
            enough = min(_economical(pressed[0]), -(-live // self.workers))
            wait = min(_patience(stream, now) for stream in pressed)
            if wait <= 0 or sum(stream.voice == pressed[0].voice for stream in live_ones) >= enough:
                return self._some(pressed, pressed, idle, live_ones[len(pressed) :], enough)
            offline = [stream for stream in ready if not stream.live]
            return self._some(offline, ready, idle) if offline else StepPlan([], wait=wait)
        offline = [stream for stream in ready if not stream.live]
        if not live_ones:
            return self._some(offline, offline, idle)
        first = live_ones[0]
        best = first.plane.batch or 1
        alike = [stream for stream in live_ones if _batch(stream) == _batch(first)]
        if len(alike) >= min(best, -(-live // self.workers)):
            return StepPlan([alike[:best]])
        return self._some(offline, ready, idle) if offline else StepPlan([], wait=first.due - now - _AT_EASE)

    def _some(
        self,
        streams: Sequence[C],
        all_ready: Sequence[C],
        idle: int,
        company: Sequence[C] = (),
        enough: int = 1,
    ) -> StepPlan[C]:
        """A worker's share of streams, the first of which goes first, but no fewer than `enough`; `company` makes a
        step of few of them a larger one, which costs little more."""
        if not streams:
            return StepPlan([])
        first = streams[0]
        best = first.plane.batch or 1
        share = min(best, max(enough, -(-len(all_ready) // idle)))
        alike = [stream for stream in streams if _fits_step(stream, first)][:share]
        others = [stream for stream in company if stream.voice == first.voice and stream.n >= first.n]
        batch = alike + others[: max(0, _economical(first) - len(alike))]
        return StepPlan([batch], alone=len(all_ready) == len(batch) == 1 and idle > 1)

    def _together(self, ready: Sequence[C], idle: int) -> StepPlan[C]:
        """All live streams, which were admitted because they fit; and in the order in which they came the others that
        still fit, so that the step lasts no longer than the live ones can bear. There is always one."""
        chosen = [stream for stream in ready if stream.live]
        if len(chosen) < len(ready):
            voices = Counter(stream.voice for stream in chosen)
            for stream in ready:
                if stream.live:
                    continue
                if not chosen or self.capacity.fits([*voices.elements(), stream.voice]):
                    chosen.append(stream)
                    voices[stream.voice] += 1
        return StepPlan.of(chosen, alone=len(chosen) == 1 and idle > 1)


def _patience(stream: Candidate, now: float) -> float:
    """Seconds for which it may still wait for company."""
    if not stream.first_chunk_sent or stream.due <= now:
        return 0.0
    return stream.since + _GATHER - now


def _fits_step(stream: Candidate, first: Candidate) -> bool:
    """Whether it may have a part in a step that is as long as `first` can make it."""
    return stream.voice == first.voice and first.n <= stream.n <= _AHEAD * first.n


def _economical(stream: Candidate) -> int:
    """Streams in a step of its plane from which on each costs little less: a smaller step is sooner over."""
    return -(-(stream.plane.batch or 1) // 2)


def _urgency(stream: Candidate, now: float) -> float:
    """The less, the sooner it is made."""
    return stream.due - _PRESSED if stream.first_chunk_sent else now


def _batch(stream: Candidate) -> tuple[str, int]:
    return stream.voice, stream.n
