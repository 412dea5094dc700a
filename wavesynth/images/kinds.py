"""A kind of models of images: what one must say of itself to be trained, exported, loaded and sampled."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from wavesynth.kinds import Kind
from wavesynth.sampling.params import SamplingParams

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ImageKind"]


class ImageKind(Kind):
    """What all kinds of models of images have."""

    makes: ClassVar[Literal["voices", "converters", "images"]] = "images"

    @abstractmethod
    def rows(
        self,
        network: Any,
        params: Sequence[SamplingParams],
        labels: Tensor | None = None,
        known: Tensor | None = None,
        pixels: int = 0,
    ) -> Iterator[Tensor]:
        """The rows of one image for each of `params` as they are made, int64 [B, W, C], from the top to the bottom.

        `labels` [B] are classes if the network has any. The first `pixels` pixels in raster order are those of
        `known` [B, H, W, C] and are not made. Raises ValueError, before the first row, if something does not fit.
        """
