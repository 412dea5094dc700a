"""A stream of samples at another rate, in pieces of any size, to the same numbers.

A library's streaming resampler would do but for its delay: soxr, which reads recordings (audio/files.py), holds 37 ms
back at 48 kHz and 115 ms at 8 kHz, where a live voice has 12 to spare.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import astuple, dataclass
from fractions import Fraction
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from wavesynth.kernels.cpu import Resampler

__all__ = [
    "ResamplingBlocks",
    "StreamingResampler",
    "resample_reference",
    "resampled",
    "resampling_kernel",
    "windowed_sinc",
]

#: Zero crossings on each side of the filter, at the lower of the two rates.
_WIDTH = 6

#: Phases times samples of a period, at most, which bound the filter's table: 2.4 MB and some milliseconds to make. All
#: usual rates have fewer, such as 640 to 441 from 11,025 to 16,000 hertz.
_LARGEST = 600_000

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
        blocks = ResamplingBlocks.of(source, target)
        self._up, self._down, self._reach, self._block = astuple(blocks)
        self._pending = np.zeros(self._reach, np.float32)
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
        import torch

        return torch.from_numpy(self.push_array(np.asarray(samples, np.float32)))

    def finish(self) -> Tensor:
        """The samples that still waited, as if silence followed; nothing may be pushed after."""
        import torch

        return torch.from_numpy(self.finish_array())

    def push_array(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """`push` without PyTorch."""
        self._pushed += len(samples)
        self._pending = np.concatenate([self._pending, samples])
        return self._complete()

    def finish_array(self) -> NDArray[np.float32]:
        """`finish` without PyTorch."""
        left = self.length(self._pushed) - self._given
        blocks = -(-left * self._down // (self._up * self._block))
        missing = blocks * self._block + 2 * self._reach - len(self._pending)
        self._pending = np.pad(self._pending, (0, max(0, missing)))
        return self._complete()[:left]

    def _complete(self) -> NDArray[np.float32]:
        blocks = max(0, (len(self._pending) - 2 * self._reach) // self._block)
        if not blocks:
            return np.zeros(0, np.float32)
        compute, before = _filter(self._up, self._down)
        under = self._pending[self._reach - before :]
        periods, starts = self._block // self._down, range(0, blocks * self._block, self._block)
        made = np.concatenate([compute(under[start:], periods) for start in starts])
        self._pending = self._pending[blocks * self._block :].copy()
        self._given += len(made)
        return made


def resampled(samples: NDArray[np.float32], source: int, target: int) -> NDArray[np.float32]:
    """A whole recording [N] from `source` to `target` hertz, as a stream of it comes out; itself if they are equal."""
    if source == target:
        return samples
    stream = StreamingResampler(source, target)
    return np.concatenate([stream.push_array(samples), stream.finish_array()])


@dataclass(frozen=True)
class ResamplingBlocks:
    """How a stream at one rate is cut so that it comes out at another: by a ratio of `up` to `down`, in blocks of
    `block` samples, with `reach` samples on each side of a block that are seen with it."""

    up: int
    down: int
    reach: int
    block: int

    @classmethod
    def of(cls, source: int, target: int) -> ResamplingBlocks:
        """From `source` to `target` hertz."""
        # 44100 → 16000 is exactly 441 → 160. For rates without such a ratio (44101) the nearest one, some parts
        # in 10⁶ away (in 10⁴ beside a simple one), keeps the filter from growing to gigabytes.
        longest = min(1000, math.isqrt(_LARGEST * source // target))
        ratio = Fraction(target, source).limit_denominator(longest)
        up, down = ratio.numerator, ratio.denominator
        # Whole periods of the ratio: a neighbourhood that covers the filter, a block of about 10 ms.
        reach = int(_WIDTH * max(down / up, 1)) + 2
        return cls(up, down, -(-reach // down) * down, -(-source // 100 // down) * down)


def windowed_sinc(up: int, down: int) -> tuple[NDArray[np.float32], int]:
    """The interpolating filter of each of the `up` phases of a period of `down` samples, [up, taps], and how many of
    its taps lie before the period.

    Smith, "Digital Audio Resampling": h(t) = sinc(t) cos²(πt / 2w), t in zero crossings, w = _WIDTH of them a side.
    """
    cutoff = min(up, down) * _ROLL_OFF  # zero crossings in a period
    before = math.ceil(_WIDTH * down / cutoff)
    phases = np.arange(0, -up, -1, dtype=np.float32) / np.float32(up)  # as in torchaudio's Resample
    # A phase's taps are zero but for a few, and only these are computed: of a long period they are one in a hundred.
    taps, reach = 2 * before + down, _WIDTH / cutoff  # reach: periods
    count = min(math.ceil(2 * reach * down) + 2, taps)
    first = before + np.floor((-phases - reach) * down).astype(int)
    places = np.clip(first, 0, taps - count)[:, None] + np.arange(count)  # [up, count]
    t = np.clip((phases[:, None] + (places - before) / down) * cutoff, -_WIDTH, _WIDTH)
    window = np.square(np.cos(t * np.pi / _WIDTH / 2))
    table = np.zeros((up, taps), np.float32)
    np.put_along_axis(table, places, (np.sinc(t) * (window * (cutoff / down))).astype(np.float32), 1)
    return table, before


@lru_cache(maxsize=8)
def resampling_kernel(up: int, down: int) -> tuple[Resampler, int]:
    """The C++ kernel, whose `periods` makes so many periods [periods * up] from the samples under their filters,
    [(periods - 1) * down + taps] or more, and how many of these lie before the first period. Raises ImportError where
    it was not built."""
    from wavesynth.kernels.cpu import Resampler

    table, before = windowed_sinc(up, down)
    return Resampler(down, table, os.environ.get("WAVESYNTH_INSTRUCTION_SET", "")), before


@lru_cache(maxsize=8)
def _filter(up: int, down: int) -> tuple[Callable[[NDArray[np.float32], int], NDArray[np.float32]], int]:
    """What computes periods as `resampling_kernel` has it, in C++, or in PyTorch where that was not built."""
    try:
        kernel, before = resampling_kernel(up, down)
    except ImportError:
        table, before = windowed_sinc(up, down)
        return partial(resample_reference, table, down), before
    return kernel.periods, before


def resample_reference(
    table: NDArray[np.float32], down: int, samples: NDArray[np.float32], periods: int
) -> NDArray[np.float32]:
    """The sums that a `StreamingResampler` makes with the filter `table`, in PyTorch."""
    import torch
    import torch.nn.functional as F

    under = torch.from_numpy(samples[: (periods - 1) * down + table.shape[1]])
    phases = F.conv1d(under[None, None], torch.from_numpy(table)[:, None], stride=down)  # [1, up, periods]
    return phases[0].T.reshape(-1).numpy()
