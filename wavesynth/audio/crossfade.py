"""One piece of audio into the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["crossfade"]


def crossfade(out: NDArray[np.float64], into: NDArray[np.float64]) -> NDArray[np.float64]:
    """`out` [n] fading into `into` [n], with gains that keep the power whatever their correlation ρ is:
    a / √(a² + b² + 2abρ) for the weights a and b = 1 - a."""
    b = (np.arange(len(out)) + 0.5) / len(out)
    a = 1 - b
    power = np.sqrt((out @ out) * (into @ into))
    correlation = float(np.clip(out @ into / power, 0, 1)) if power else 1.0
    return (a * out + b * into) / np.sqrt(a * a + b * b + 2 * a * b * correlation)
