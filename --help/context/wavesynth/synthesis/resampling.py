"""A stream of samples at another rate, in pieces of any size, to the same numbers."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor
from torchaudio.transforms import Resample

__all__ = ["StreamingResampler"]

#: Zero crossings on each side of torchaudio's filter, at the lower of the two rates.
_WIDTH = 6


class StreamingResampler:
    """Resamples one stream from `source` to `target` hertz with torchaudio's windowed sinc (Smith, "Digital Audio
    Resampling", 2002), beyond whose ends is silence.

    Blocks of one fixed size are resampled with their neighbourhood, so the bits do not depend on how the stream
    was cut; a block is given out when its neighbourhood is in, about 12 ms after its last sample.
    """

    def __init__(self, source: int, target: int) -> None:
        # For rates without a small common ratio the nearest one, within 1 in 10⁶: see audio.files.read.
        ratio = Fraction(target, source).limit_denominator(1000)
        self._up, self._down = ratio.numerator, ratio.denominator
        self._resample = Resample(self._down, self._up, lowpass_filter_width=_WIDTH)
        # Whole periods of the ratio: a neighbourhood that covers the filter, a block of about 10 ms.
        period = self._down
        reach = int(_WIDTH * max(self._down / self._up, 1)) + 2
        self._reach = -(-reach // period) * period
        self._block = -(-source // 100 // period) * period
        self._pending = torch.zeros(self._reach)
        self._pushed = self._given = 0

    def length(self, samples: int) -> int:
        """Samples that come out for so many in, altogether."""
        return -(-samples * self._up // self._down)

    def push(self, samples: Tensor) -> Tensor:
        """Takes the next samples [N]; returns those that are now complete, float32."""
        self._pushed += samples.numel()
        self._pending = torch.cat([self._pending, samples])
        return self._complete()

    def finish(self) -> Tensor:
        """The samples that still waited, as if silence followed; nothing may be pushed after."""
        left = self.length(self._pushed) - self._given
        blocks = -(-left * self._down // (self._up * self._block))
        missing = blocks * self._block + 2 * self._reach - self._pending.numel()
        self._pending = torch.cat([self._pending, torch.zeros(max(0, missing))])
        return self._complete()[:left]

    def _complete(self) -> Tensor:
        window = self._block + 2 * self._reach
        skip, count = self._reach * self._up // self._down, self._block * self._up // self._down
        out, start = [torch.zeros(0)], 0
        while self._pending.numel() - start >= window:
            block = self._resample(self._pending[start : start + window])
            out.append(block[skip : skip + count])
            start += self._block
        self._pending = self._pending[start:].clone()
        resampled = torch.cat(out)
        self._given += resampled.numel()
        return resampled
