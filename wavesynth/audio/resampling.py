"""A stream of samples at another rate, in pieces of any size, to the same numbers.

A library's streaming resampler would do but for its delay: soxr, which reads recordings (audio/files.py), holds 37 ms
back at 48 kHz and 115 ms at 8 kHz, where a live voice has 12 to spare.
"""

from __future__ import annotations

import math
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["StreamingResampler"]

#: Zero crossings on each side of the filter, at the lower of the two rates.
_WIDTH = 6

#: The filter's cut-off, as a share of the lower rate's Nyquist frequency.
_ROLL_OFF = 0.99


class StreamingResampler:
    """Resamples one stream from `source` to `target` hertz with a windowed sinc (Smith, "Digital Audio Resampling",
    2002), beyond whose ends is silence.

    Blocks of one fixed size are resampled with their neighbourhood, so the bits do not depend on how the stream
    was cut; a block is given out when its neighbourhood is in. A `Stage` (wavesynth.audio.stage) whose output is at the
    voice's rate, `target`.
    """

    def __init__(self, source: int, target: int) -> None:
        # 44100 → 16000 is exactly 441 → 160. For rates without such a ratio (44101) the nearest one, a few parts
        # in 10⁶ away, keeps the filter from growing to gigabytes.
        ratio = Fraction(target, source).limit_denominator(1000)
        self._up, self._down = ratio.numerator, ratio.denominator
        self._filter, self._before = _windowed_sinc(self._up, self._down)
        # Whole periods of the ratio: a neighbourhood that covers the filter, a block of about 10 ms.
        period = self._down
        reach = int(_WIDTH * max(self._down / self._up, 1)) + 2
        self._reach = -(-reach // period) * period
        self._block = -(-source // 100 // period) * period
        self._pending = torch.zeros(self._reach)
        self._pushed = self._given = 0

    @property
    def look_ahead(self) -> int:
        """Output samples that last as long as what must be in after an output sample: at the most a block, 10 ms, and
        the neighbourhood behind it."""
        return (self._block + self._reach) * self._up // self._down - 1

    @property
    def warm_up(self) -> int:
        """Output samples that last as long as the filter reaches back, at the most."""
        reach = _WIDTH / (min(self._up, self._down) * _ROLL_OFF)  # periods of the ratio
        first = [math.floor((phase / self._up - reach) * self._down) + 1 for phase in range(self._up)]
        return math.ceil(max(p - k * self._up / self._down for p, k in enumerate(first)))

    @property
    def start_up(self) -> int:
        """Output samples that last as long as what must be in before the first one comes out."""
        return self.look_ahead + 1

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
            out.append(self._resample(self._pending[start : start + window])[skip : skip + count])
            start += self._block
        self._pending = self._pending[start:].clone()
        resampled = torch.cat(out)
        self._given += resampled.numel()
        return resampled

    def _resample(self, samples: Tensor) -> Tensor:
        """Samples [N], silent beyond their ends, at the other rate: [ceil(N · up / down)]."""
        padded = F.pad(samples, (self._before, self._before + self._down))
        phases = F.conv1d(padded[None, None], self._filter, stride=self._down)  # [1, up, periods]
        return phases[0].T.reshape(-1)[: self.length(len(samples))]


def _windowed_sinc(up: int, down: int) -> tuple[Tensor, int]:
    """The interpolating filter of each of the `up` phases of a period of `down` samples, float32 [up, 1, taps], and how
    many of its taps lie before the period.

    Smith, "Digital Audio Resampling": h(t) = sinc(t) cos²(πt / 2w), t in zero crossings, w = _WIDTH of them a side.
    """
    cutoff = min(up, down) * _ROLL_OFF  # zero crossings in a period
    before = math.ceil(_WIDTH * down / cutoff)
    taps = torch.arange(-before, before + down, dtype=torch.float64) / down
    phases = torch.arange(0, -up, -1) / up  # float32, as in torchaudio's Resample: its bytes are promised
    t = ((phases[:, None, None] + taps) * cutoff).clamp(-_WIDTH, _WIDTH)
    window = torch.cos(t * math.pi / _WIDTH / 2) ** 2
    angle = t * math.pi
    sinc = torch.where(angle == 0, 1.0, angle.sin() / angle)
    return (sinc * (window * (cutoff / down))).float(), before
