"""The fundamental frequency of recordings, by WORLD (Morise et al., 2016): DIO, refined by StoneMask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fundamental", "speaker_range"]

#: Hertz that a voice may have, whoever speaks.
_LOWEST, _HIGHEST = 60.0, 500.0
#: A speaker's own range, as factors of the median: so octaves are not mistaken for each other.
_BELOW, _ABOVE = 0.55, 2.2


def fundamental(
    samples: NDArray[np.float32], sample_rate: int, hop: int, low: float = _LOWEST, high: float = _HIGHEST
) -> NDArray[np.float32]:
    """Hertz of each frame of `hop` samples, [ceil(N / hop)]; 0 where there is no voice.

    Raises ImportError where pyworld is not installed (extra `evaluate`).
    """
    import pyworld

    double = samples.astype(np.float64)
    period = 1000.0 * hop / sample_rate
    rough, times = pyworld.dio(double, sample_rate, f0_floor=low, f0_ceil=high, frame_period=period)
    refined = pyworld.stonemask(double, rough, times, sample_rate)
    frames = -(-len(samples) // hop)
    hertz = np.zeros(frames, np.float32)
    hertz[: min(frames, len(refined))] = refined[:frames]
    return hertz


def speaker_range(hertz: NDArray[np.float32]) -> tuple[float, float]:
    """The range to look in for a speaker of whom some frames are known. Raises ValueError without a voiced frame."""
    voiced = hertz[hertz > 0]
    if not len(voiced):
        raise ValueError("the recordings have no voiced frame; they must be speech")
    median = float(np.median(voiced))
    return max(_LOWEST, _BELOW * median), min(_HIGHEST, _ABOVE * median)
