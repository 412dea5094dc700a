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

    makes: ClassVar[Literal["voices", "converters", "texts", "images"]] = "images"
    #: Whether an image is made row by row, so that a beginning that is known can be completed.
    paints_by_rows: ClassVar[bool] = True
    #: Whether an image has a latent from which it is made again, as `wavesynth.images.latents` needs it.
    has_latents: ClassVar[bool] = False
    #: What its likelihood is of, if not simply of the values; ends a list of what they are.
    measured_as: ClassVar[str] = ""

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

    def nll(self, network: Any, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """Nats of images, levels [B, H, W, C], the sum of an image's being what the image costs: [B, H, W, C]."""
        nats: Tensor = network.nll(pixels, labels)
        return nats

    def summary(self, config: Any) -> str:
        """A network in a few words, for a card."""
        return self.name
