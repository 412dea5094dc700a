"""The part of a recording's log-mel that a stretch of it is told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["surrounded"]


def surrounded(
    mel: NDArray[np.float32], begin: int, end: int, context: int, silence: float
) -> NDArray[np.float32]:
    """The frames from `begin` to `end` of a recording's log-mel [F, bands] with `context` frames on each side, those
    of `silence` where the recording has none: [end - begin + 2 * context, bands]."""
    first, last = begin - context, end + context
    missing = max(0, -first), max(0, last - max(len(mel), first))
    return np.pad(mel[max(0, first) : last], (missing, (0, 0)), constant_values=np.float32(silence))
