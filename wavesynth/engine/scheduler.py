"""Which streams share a step, and whether there is room for one more: no threads, no clocks, no audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, Protocol, TypeVar

import numpy as np

__all__ = ["Capacity", "Scheduler", "StepPlan"]

#: Chunks in a step of one offline stream, which need not hurry.
_UNHURRIED = 4


@dataclass(frozen=True)
class Capacity:
    """How much of the time steps take, and how much they may.

    `load[voice]` are points (streams, load), rising: a step of so many streams of that voice takes `load` of the
    time that its audio lasts. Between the points it is interpolated, beyond the last there is no room. Voices are
    advanced one after the other, so their loads add up.
    """

    load: Mapping[str, Sequence[tuple[int, float]]]
    limit: float = 1.0

    @classmethod
    def of(cls, streams: int, voices: Iterable[str]) -> Capacity:
        """Room for so many streams, whatever their voices."""
        return cls({voice: [(streams, 1.0)] for voice in voices})

    def fits(self, voices: Iterable[str]) -> bool:
        """Whether one stream of each of `voices`, named as often as it has streams, can be made in real time."""
        return sum(self._load(*group) for group in Counter(voices).items()) <= self.limit + 1e-9

    def streams(self, voice: str) -> int:
        """The most streams of `voice` alone."""
        return max((n for n in range(self.load[voice][-1][0] + 1) if self.fits([voice] * n)), default=0)

    def _load(self, voice: str, streams: int) -> float:
        counts, loads = zip((0, 0.0), *self.load[voice], strict=True)
        return float(np.interp(streams, counts, loads, right=np.inf))


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


C = TypeVar("C", bound=Candidate)


@dataclass(frozen=True)
class StepPlan(Generic[C]):
    """What one step of the engine makes."""

    batches: Sequence[Sequence[C]]
    """Streams of one voice and one length each, which one call advances."""

    @classmethod
    def of(cls, streams: Iterable[C]) -> StepPlan[C]:
        """That of all these streams."""
        return cls([list(batch) for _, batch in groupby(sorted(streams, key=_batch), _batch)])

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

    def samples(self, live: int, offline: int) -> int:
        """Samples of each stream, at 16 kHz, in a step with so many: one chunk, or more while there are few and nobody
        listens.

        A step has a price of its own, whatever it makes; but a live stream that comes must not wait long for its end.
        """
        return self.chunk * (1 if live else max(1, _UNHURRIED // max(1, offline)))

    def schedule(self, ready: Iterable[C]) -> StepPlan[C]:
        """The next step of the streams that have input for it and room for its output, given oldest first.

        All live ones, which were admitted because they fit; and in the order in which they came the others that
        still fit, so that the step lasts no longer than the live ones can bear. There is always one.
        """
        ready = list(ready)
        chosen = [stream for stream in ready if stream.live]
        for stream in ready:
            fits = not chosen or self.capacity.fits([c.voice for c in [*chosen, stream]])
            if not stream.live and fits:
                chosen.append(stream)
        return StepPlan.of(chosen)


def _batch(stream: Candidate) -> tuple[str, int]:
    return stream.voice, stream.n
