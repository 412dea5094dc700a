"""Which streams share a tick, and whether there is room for one more: no threads, no clocks, no audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

__all__ = ["Capacity", "chunks_in_tick", "schedule"]

#: Chunks in a tick of one offline stream, which need not hurry.
_UNHURRIED = 4


@dataclass(frozen=True)
class Capacity:
    """How much of the time ticks take, and how much they may.

    `load[voice]` are points (streams, load), rising: a tick of so many streams of that voice takes `load` of the
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


C = TypeVar("C", bound=Candidate)


def schedule(ready: Iterable[C], capacity: Capacity) -> list[C]:
    """The streams of the next tick, from those that have input for it and room for its output, oldest first.

    All live ones, which were admitted because they fit; and in the order in which they came the others that
    still fit, so that the tick lasts no longer than the live ones can bear. There is always one.
    """
    ready = list(ready)
    batch = [candidate for candidate in ready if candidate.live]
    for candidate in ready:
        if not candidate.live and (not batch or capacity.fits([c.voice for c in [*batch, candidate]])):
            batch.append(candidate)
    return batch


def chunks_in_tick(live: int, offline: int) -> int:
    """How many chunks a tick makes of each stream: one, or more while there are few and nobody listens.

    A tick has a price of its own, whatever it makes; but a live stream that comes must not wait long for its end.
    """
    return 1 if live else max(1, _UNHURRIED // max(1, offline))
