"""What stands between the network and the loudspeaker: as little audio as will do, at the loudspeaker's own speed.

One rule governs it: the least that it held during the last second should be `margin`. Chunks that come irregularly
need a larger margin, so it grows with every underrun by as much as would have prevented that, and shrinks slowly while
there is none. And what takes the level away from it, the two devices' clocks above all, is made good by resampling a
little more or less than one sample for each, at most 0.5 %, where it cannot be heard.
"""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
import samplerate
from numpy.typing import NDArray

__all__ = ["Clock", "JitterBuffer"]

#: Seconds of margin at first, and at least.
_MIN_MARGIN = 0.020
#: Seconds of margin at most.
_MAX_MARGIN = 0.5
#: Seconds by which the margin grows after an underrun, at least.
_MARGIN_STEP = 0.010
#: Seconds by which the margin shrinks in a second without an underrun.
_MARGIN_DECAY = 0.00005
#: Seconds of silence from which on an underrun is no jitter but a service that was away.
_OUTAGE = 0.15
#: The most by which audio is stretched: 0.5 % cannot be heard.
_MAX_STRETCH = 0.005
#: Seconds of surplus that are skipped when they were there for a whole second.
_MAX_STEADY_SURPLUS = 0.03
#: Seconds of surplus that are skipped at once.
_MAX_SURPLUS = 0.15
#: Seconds of the fade across what is skipped.
_FADE = 0.005


class Clock:
    """How much to stretch, from how far the buffer's level is off: a proportional and integral controller.

    The level integrates the clocks' difference, so the loop is of second order; with the gains 2ζω and ω² it is
    critically damped (ζ = 1) at ω = 0.1 a second.
    """

    def __init__(self) -> None:
        self._sum = 0.0

    @property
    def drift(self) -> float:
        """How much faster the source's clock runs than the loudspeaker's, as learnt so far: 1e-6 is 1 ppm."""
        return self._sum

    def update(self, surplus: float, seconds: float) -> float:
        """The stretch, negative for shorter, after `seconds` in which the level was `surplus` seconds too high."""
        frequency = 0.1
        change = frequency**2 * surplus * seconds
        stretch = 2 * frequency * surplus + self._sum + change
        if abs(stretch) < _MAX_STRETCH:  # else the sum would run away
            self._sum += change
        return -float(np.clip(stretch, -_MAX_STRETCH, _MAX_STRETCH))


class JitterBuffer:
    """Takes samples at `source_rate` from one thread, and gives samples at `rate` to another, which never waits."""

    def __init__(self, source_rate: int, rate: int) -> None:
        self._source_rate, self._rate = source_rate, rate
        self._lock = threading.Lock()
        self._pieces: deque[NDArray[np.float32]] = deque()
        self._level = 0  # samples at `rate`
        self._next = 0  # index, of the source's, of the sample after the last one pushed
        self._least = np.inf  # seconds, in the current second
        self._window = 0  # samples given in it
        self._filling = True
        self._dry: int | None = None  # samples that were missing so far, since it ran dry
        self._clock = Clock()
        self._stretch = 0.0
        self.margin = _MIN_MARGIN
        """Seconds."""
        self.underruns = 0
        self.skipped = 0.0
        """Seconds that were left out."""
        self._restart()

    @property
    def drift(self) -> float:
        """How much faster the source's clock runs than the loudspeaker's: 1e-6 is 1 ppm."""
        return self._clock.drift

    @property
    def level(self) -> float:
        """Seconds of audio in it."""
        return self._level / self._rate

    def push(self, samples: NDArray[np.float32], first_sample: int) -> None:
        """Takes the source's samples [n] from index `first_sample` on."""
        if first_sample < self._next:  # another call began
            self._restart()
        ratio = self._rate / self._source_rate * (1 + self._stretch)
        resampled = self._resampler.process(samples, ratio).astype(np.float32)
        with self._lock:
            self._grow()
            self._next = first_sample + len(samples)
            if len(resampled):
                self._pieces.append(resampled)
                self._level += len(resampled)

    def pull(self, count: int) -> tuple[NDArray[np.float32], int | None]:
        """The next `count` samples, and the source's index of the first; silence and None while it fills up."""
        with self._lock:
            if self._filling and self._level < self.margin * self._rate + count:
                if self._dry is not None:
                    self._dry += count
                return np.zeros(count, np.float32), None
            self._filling = False
            index = self._next - round(self._level * self._source_rate / self._rate)
            taken, missing = [], count
            while missing and self._pieces:
                piece = self._pieces.popleft()
                if len(piece) > missing:
                    self._pieces.appendleft(piece[missing:])
                    piece = piece[:missing]
                taken.append(piece)
                missing -= len(piece)
            self._level -= count - missing
            if missing:
                self.underruns += 1
                self._filling, self._dry = True, missing
                taken.append(np.zeros(missing, np.float32))
            self._observe(count, bool(missing))
        return np.concatenate(taken), index

    def _grow(self) -> None:
        """Takes note, with the first audio after it ran dry, of how late that is."""
        if self._dry is not None:
            late, self._dry = self._dry / self._rate, None
            self.margin = min(
                self.margin + (max(_MARGIN_STEP, late) if late < _OUTAGE else _MARGIN_STEP), _MAX_MARGIN
            )

    def _observe(self, count: int, ran_dry: bool) -> None:
        self._least = min(self._least, self.level)
        self._window += count
        if (late := self.level - self.margin) > _MAX_SURPLUS:  # the loudspeaker had stopped
            self._skip(round(late * self._rate))
            self._least, self._window = np.inf, 0
        elif ran_dry:  # the level says nothing until it has filled up again
            self._least, self._window = np.inf, 0
        elif self._window >= self._rate:
            seconds, surplus = self._window / self._rate, self._least - self.margin
            if surplus > _MAX_STEADY_SURPLUS:
                self._skip(round(surplus * self._rate))
            else:
                self._stretch = self._clock.update(surplus, seconds)
            self.margin = max(self.margin - _MARGIN_DECAY * seconds, _MIN_MARGIN)
            self._least, self._window = np.inf, 0

    def _skip(self, count: int) -> None:
        """Leaves out `count` samples, of more than that and a fade."""
        held = np.concatenate(self._pieces)
        fade = min(round(_FADE * self._rate), len(held) - count)
        into = (np.arange(fade, dtype=np.float32) + 0.5) / max(fade, 1)
        rest = held[count:].copy()
        rest[:fade] = held[:fade] * (1 - into) + rest[:fade] * into
        self._pieces = deque([rest])
        self._level -= count
        self.skipped += count / self._rate

    def _restart(self) -> None:
        self._resampler = samplerate.Resampler("sinc_fastest", 1)
