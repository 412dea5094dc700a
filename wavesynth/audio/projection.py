"""The kernel behind the spectral correction (wavesynth.audio.correction), and its tables, in NumPy."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.analysis import MelConfig, filter_bank, hann_window

if TYPE_CHECKING:
    from wavesynth.kernels.cpu import SpectralProjector

__all__ = [
    "EXPONENT",
    "GREATEST_GAIN",
    "ITERATIONS",
    "LEAST_GAIN",
    "MAX_FRAMES",
    "can_correct",
    "check_overlap",
    "projection_tables",
    "projector",
    "window_length",
]

#: The most frames that a voice may have corrected jointly.
MAX_FRAMES = 16
#: Iterations over the joint frames for each new frame (docs/explanation/correction.md).
ITERATIONS = 8
#: Exponent of the gains.
EXPONENT = 1.5
#: The least log10 of a band's amplitude gain: -40 decibels.
LEAST_GAIN = -2.0
#: The greatest log10 of a band's amplitude gain: 20 decibels.
GREATEST_GAIN = 1.0


def can_correct(bands: int, config: MelConfig) -> bool:
    """Whether there is a log-mel to correct by, of `bands` bands, and windows overlap enough: by half at least."""
    return bands > 0 and window_length(config) >= 2 * config.hop


def check_overlap(config: MelConfig) -> None:
    """ValueError, with the least window, for an analysis with too little overlap: see `can_correct`."""
    if not can_correct(config.bands, config):
        raise ValueError(
            f"mel window is {config.window}; to correct the spectrum it must be at least "
            f"{1 << (2 * config.hop - 1).bit_length()}, two hops"
        )


def window_length(config: MelConfig) -> int:
    """Samples of the window under which the spectrum is scaled: the longest power of two in the analysis window."""
    return 1 << (config.window.bit_length() - 1)


@lru_cache(maxsize=8)
def projector(config: MelConfig) -> SpectralProjector | None:
    """The kernel for an analysis with FFTs of 1,024 samples; None for others, and where it was not built, as from a
    source tree on a GPU's machine."""
    try:
        from wavesynth.kernels.cpu import SpectralProjector
    except ImportError:
        return None
    if config.n_fft != 1024:
        return None
    analysis, bank = (t.astype(np.float32) for t in (hann_window(config.window), filter_bank(config).T))
    tables = (np.ascontiguousarray(table) for table in (analysis, bank, *projection_tables(config)))
    gains = config.floor, LEAST_GAIN, GREATEST_GAIN, EXPONENT
    instruction_set = os.environ.get("WAVESYNTH_INSTRUCTION_SET", "")
    return SpectralProjector(config.hop, ITERATIONS, *tables, *gains, instruction_set)


@lru_cache(maxsize=8)
def projection_tables(
    config: MelConfig,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The window [length] under which the spectrum is scaled; the same divided by the sum of all frames' windows
    squared, for the synthesis; and the matrix [bands, n_fft // 2 + 1] from log10 gains of the bands to natural
    logarithms of the bins' gains. A bin in no band, such as 0 Hz, takes the gain of its nearest neighbour."""
    window = hann_window(window_length(config))
    hops = -(-len(window) // config.hop)
    total = np.pad(np.square(window), (0, hops * config.hop - len(window))).reshape(hops, -1).sum(0)
    synthesis = window / np.tile(total, hops)[: len(window)]
    bank = filter_bank(config)
    inside = np.flatnonzero(bank.sum(1) > 1e-9)
    nearest = inside[np.searchsorted((inside[:-1] + inside[1:]) / 2, np.arange(len(bank)))]
    spread = np.log(10) * (bank[nearest] / bank[nearest].sum(1, keepdims=True)).T
    return window.astype(np.float32), synthesis.astype(np.float32), spread.astype(np.float32)
