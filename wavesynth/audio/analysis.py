"""The analysis behind log-mel features (wavesynth.audio.mel): its configuration, its window and its filter bank, and
the kernel that computes it on a processor. In NumPy, by operations that give the same bits on every processor."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.checks import require_value

if TYPE_CHECKING:
    from wavesynth.kernels.cpu import LogMel

__all__ = ["MelConfig", "filter_bank", "hann_window", "log_mel_kernel"]


@dataclass(frozen=True)
class MelConfig:
    """The analysis; lengths in samples, frequencies in hertz. The defaults are the shipped voices'."""

    sample_rate: int = 16000
    n_fft: int = 1024
    window: int = 800
    hop: int = 160
    bands: int = 80
    low: float = 0.0
    high: float = 8000.0
    floor: float = 1e-5

    def __post_init__(self) -> None:
        def check(holds: bool, name: str, allowed: str) -> None:
            require_value(f"mel {name}", getattr(self, name), holds, allowed)

        check(1000 <= self.sample_rate <= 192_000, "sample_rate", "from 1000 to 192000 hertz")
        check(2 <= self.n_fft <= 65536, "n_fft", "from 2 to 65536 samples")
        check(2 <= self.window <= self.n_fft, "window", f"from 2 to n_fft, {self.n_fft} samples")
        check(1 <= self.hop <= self.window, "hop", f"from 1 to window, {self.window} samples")
        check(1 <= self.bands <= 256, "bands", "from 1 to 256")
        check(0 <= self.low < self.high, "low", f"from 0 to below high, {self.high} hertz")
        check(
            self.high <= self.sample_rate / 2, "high", f"at most half of sample_rate, {self.sample_rate / 2}"
        )
        check(0 < self.floor <= 1e6, "floor", "above 0 and at most 1000000")
        # Else some band has no width, or all of them together have no bin.
        least = 2 * self.sample_rate / (self.n_fft - 1)
        check(self.high - self.low >= least, "high", f"at least {least:g} hertz above low, {self.low}")
        check(
            bool((np.diff(_edges(self)) > 0).all()),
            "bands",
            f"fewer between {self.low} and {self.high} hertz",
        )

    @property
    def silence(self) -> float:
        """Every feature of a silent frame: -1.5 with the default floor."""
        return (math.log10(self.floor) + 2) / 2

    def frames(self, samples: int) -> int:
        """Frames of a recording of so many samples: one for each hop begun."""
        return -(-samples // self.hop)


def hann_window(length: int) -> NDArray[np.float64]:
    """sin²(πk / length) for k from 0 on, [length]: the periodic Hann window."""
    k = np.arange(length)
    angle = np.pi * np.minimum(k, length - k) / length
    series = np.ones(length)  # of the sine, by Taylor: the last bits of a library's depend on the processor
    for n in range(26, 0, -2):
        series = 1 - series * (angle * angle) / (n * (n + 1))
    return np.square(angle * series)


def filter_bank(config: MelConfig) -> NDArray[np.float64]:
    """How much each bin of the power spectrum adds to each band, [n_fft // 2 + 1, bands].

    Triangles from each band's neighbour below to its neighbour above, equidistant on the HTK scale, m = 2595
    log10(1 + f / 700) (O'Shaughnessy, "Speech Communication", 1987). Computed in float32, as the shipped voices' was.
    """
    bins = _linspace(0, config.sample_rate // 2, config.n_fft // 2 + 1)
    edges = _edges(config)
    widths = np.diff(edges)
    above = edges - bins[:, None]  # [bins, bands + 2]
    rising, falling = -above[:, :-2] / widths[:-1], above[:, 2:] / widths[1:]
    return np.maximum(np.minimum(rising, falling), 0).astype(np.float64)


def _edges(config: MelConfig) -> NDArray[np.float32]:
    """The hertz at which bands begin, have their peaks, and end, [bands + 2]."""
    low, high = (2595 * math.log10(1 + f / 700) for f in (config.low, config.high))
    exponents = _linspace(low, high, config.bands + 2) / np.float32(2595)
    # The power in float64, so that it is rounded once, and the same everywhere.
    ratios = (10.0 ** exponents.astype(np.float64)).astype(np.float32)
    return np.float32(700) * (ratios - np.float32(1))


@lru_cache(maxsize=8)
def log_mel_kernel(config: MelConfig) -> LogMel | None:
    """The kernel: `features(windows [f, window])` gives [f, bands]. None where n_fft is not a power of two, or below
    16, and where it was not built, as from a source tree on a GPU's machine."""
    try:
        from wavesynth.kernels.cpu import LogMel
    except ImportError:
        return None
    if config.n_fft < 16 or config.n_fft & (config.n_fft - 1):
        return None
    bank = np.ascontiguousarray(filter_bank(config).T)
    instruction_set = os.environ.get("WAVESYNTH_INSTRUCTION_SET", "")
    return LogMel(hann_window(config.window), bank, config.floor, instruction_set)


def _linspace(first: float, last: float, count: int) -> NDArray[np.float32]:
    """float32 numbers at one distance, counted from the nearer end, as PyTorch does."""
    start, end = np.float32(first), np.float32(last)
    step, k = (end - start) / np.float32(count - 1), np.arange(count, dtype=np.float32)
    return np.where(k < count // 2, start + step * k, end - step * (count - 1 - k)).astype(np.float32)
