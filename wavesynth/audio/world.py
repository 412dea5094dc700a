"""WORLD: speech taken apart into F0, spectral envelope and aperiodicity, and put together again.

Morise, Yokomori and Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system", 2016, through pyworld, which
is loaded when it is used.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wavesynth.extras import extra

__all__ = ["FRAME", "Speech", "analyse", "excitation", "f0", "synthesise"]

#: Seconds from one frame to the next.
FRAME = 0.005


class Speech(NamedTuple):
    """Speech in parts, a frame every FRAME seconds."""

    f0: NDArray[np.float64]
    """[T], hertz; 0 where unvoiced."""
    envelope: NDArray[np.float64]
    """[T, bins], power, from 0 Hz to half of the sample rate."""
    aperiodicity: NDArray[np.float64]
    """[T, bins], from 0 (periodic) to 1."""


def f0(samples: NDArray[np.float32], sample_rate: int = 16000) -> NDArray[np.float64]:
    """The fundamental frequency of samples [N] every FRAME seconds, hertz, 0 where unvoiced: Harvest (Morise, 2017)."""
    frequency, _ = _library().harvest(samples.astype(np.float64), sample_rate, frame_period=1000 * FRAME)
    return frequency


def analyse(
    samples: NDArray[np.float32], frequency: NDArray[np.float64] | None = None, sample_rate: int = 16000
) -> Speech:
    """Samples [N] taken apart; `frequency` is their `f0`, if it is at hand."""
    library, x = _library(), samples.astype(np.float64)
    frequency = f0(samples, sample_rate) if frequency is None else frequency
    times = np.arange(len(frequency)) * FRAME
    envelope = library.cheaptrick(x, frequency, times, sample_rate)
    return Speech(frequency, envelope, library.d4c(x, frequency, times, sample_rate))


def excitation(
    samples: NDArray[np.float32], bands: int, hop: int, sample_rate: int = 16000
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What excites samples [N], every `hop` samples.

    The fundamental frequency, hertz, 0 where unvoiced, [F]: Harvest. The share of the amplitude that is not periodic in
    the middle of each of `bands` of equal width, [F, bands]: D4C (Morise, 2016).
    """
    library, x = _library(), samples.astype(np.float64)
    frequency, times = library.harvest(x, sample_rate, frame_period=1000 * hop / sample_rate)
    aperiodicity = library.d4c(x, frequency, times, sample_rate)
    middles = (np.arange(bands) + 0.5) / bands * (aperiodicity.shape[1] - 1)
    return frequency, aperiodicity[:, np.round(middles).astype(int)]


def synthesise(speech: Speech, length: int, sample_rate: int = 16000) -> NDArray[np.float64]:
    """Samples [length] of speech in parts; they may exceed ±1."""
    parts = (np.ascontiguousarray(part) for part in speech)
    made = _library().synthesize(*parts, sample_rate, frame_period=1000 * FRAME)[:length]
    return np.pad(made, (0, length - len(made)))


@cache
def _library() -> Any:
    """The module, without its complaint about its own way to find its version."""
    with extra("evaluate", "WORLD"):
        import pyworld
    return pyworld
