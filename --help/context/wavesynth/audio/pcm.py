"""Samples as 16-bit PCM."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

__all__ = ["pcm16"]


def pcm16(waveform: Tensor | ArrayLike) -> NDArray[np.int16]:
    """Samples within [-1, 1] as 16-bit PCM, [N] → int16 [N]; what exceeds the range is clipped.

    The scale is 32768, so 16-bit samples that were read come back as they were.
    """
    return np.clip(np.rint(np.asarray(waveform, np.float64) * 32768), -32768, 32767).astype(np.int16)
