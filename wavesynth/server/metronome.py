"""When the chunks of a call are sent whose input comes in real time: as evenly as they are played.

Such a chunk can be made when its input is there, and takes a step, in whatever company. So chunks are ready sooner or
later by some milliseconds, and each of them would be a gap for a listener who keeps little in hand. The listener plays
at the pace of the first chunk; one that is ready early is worth no more than one in time. So the first one is kept for
a moment too: that is in hand when a later one is later than it was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from wavesynth.engine.stream import EngineOutput

__all__ = ["Metronome"]

#: Seconds that a first chunk is kept. Beside others, one chunk in 1,000 is some 17 ms later than the first one's pace,
#: and one in 10,000 some 28 ms (docs/lab/2026-12-01-soak.md); a player may have 20 ms in hand.
_FIRST = 0.01
#: Seconds after it in which chunks are sent at once: some were ready while it was kept, which says nothing of when
#: those after them will be.
_SETTLING = 0.05
#: Seconds by which the others come earlier while none is late, for each second.
_SOONER = 0.002
#: Seconds that a chunk is kept at most; who sends faster than real time gets each as it is made.
_MOST = 0.02
#: Seconds after the first chunk's pace until which a chunk is kept, at most: a player has 20 ms in hand.
_LATEST = 0.005


class Metronome:
    """Keeps each chunk of a call, of `sample_rate` hertz, until it is as late against the clock as those before it."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._begun: float | None = None
        self._samples = 0
        self._late: float | None = None  # by how much chunks come after the first one's pace

    async def keep(self, outputs: Sequence[EngineOutput]) -> None:
        """Waits until these, which were just made, are to be sent; not for the last of a stream."""
        wait = self.wait(time.monotonic(), sum(len(output.samples) for output in outputs))
        if wait > 0 and outputs[-1].statistics is None:
            await asyncio.sleep(wait)

    def wait(self, now: float, samples: int) -> float:
        """Seconds for which the next chunk, of so many samples, is to be kept that is ready `now`."""
        if self._begun is None:
            self._begun, self._samples = now + _FIRST, samples
            return _FIRST
        late = now - self._begun - self._samples / self._sample_rate
        self._samples += samples
        if now < self._begun + _SETTLING:
            return 0.0
        if self._late is None or not self._late - _MOST < late < self._late:
            self._late = late
            return 0.0
        self._late = max(late, self._late - _SOONER * samples / self._sample_rate)
        return max(0.0, min(self._late, _LATEST) - late)
