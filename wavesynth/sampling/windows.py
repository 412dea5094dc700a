"""Mel frames with those around them, for a backend that has the conditioning network itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Tracks", "Windows"]


@dataclass(frozen=True)
class Windows:
    """What conditioning frames are made of, for a backend that makes them itself, those of many streams at once."""

    mel: NDArray[np.float32] | Tensor
    """[F, 1 + 2 * mel_context, bands]"""
    speaker: int | None

    def __len__(self) -> int:
        return self.mel.shape[0]


@dataclass(frozen=True)
class Tracks(Sequence[Windows]):
    """The windows of many streams in one, each stream's as the mel frames that they share."""

    mel: NDArray[np.float32]
    """[R, bands]: the frames under the first stream's windows, then those of the next."""
    counts: NDArray[np.int32]
    """[B]: windows of each stream, whose frames are `around` more."""
    speakers: NDArray[np.int32]
    """[B]: -1 for nobody."""
    around: int
    """Frames beside a window's own: 2 * mel_context."""

    def rows(self) -> NDArray[np.int64]:
        """The first of each window's rows in `mel`: [F]."""
        streams = np.repeat(np.arange(len(self.counts)), self.counts)
        return np.arange(len(streams)) + self.around * streams

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, number: Any) -> Any:
        """The windows of one stream."""
        first = int(self.counts[:number].sum()) + number * self.around
        track = self.mel[first : first + int(self.counts[number]) + self.around]
        windows = sliding_window_view(track, 1 + self.around, 0, writeable=True).transpose(0, 2, 1)
        return Windows(windows, None if self.speakers[number] < 0 else int(self.speakers[number]))

    def __iter__(self) -> Iterator[Windows]:
        return (self[number] for number in range(len(self)))
