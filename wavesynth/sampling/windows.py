"""Mel frames with those around them, for a backend that has the conditioning network itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Windows"]


@dataclass(frozen=True)
class Windows:
    """What conditioning frames are made of, for a backend that makes them itself, those of many streams at once."""

    mel: NDArray[np.float32] | Tensor
    """[F, 1 + 2 * mel_context, bands]"""
    speaker: int | None

    def __len__(self) -> int:
        return self.mel.shape[0]
