"""The kind pixelcnn: the autoregressive networks of two papers, which share all but their layers.

van den Oord et al., "Pixel Recurrent Neural Networks" and "Conditional Image Generation with PixelCNN Decoders", 2016.
`variant` in their configuration says which network it is: plain, gated, row-lstm or diagonal-bilstm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from wavesynth.images.kinds import ImageKind
from wavesynth.models.pixels_config import ImageModelConfig
from wavesynth.sampling.params import SamplingParams

if TYPE_CHECKING:
    from torch import Tensor

    from wavesynth.models.pixels import PixelModel

__all__ = ["PixelCNNKind"]


class PixelCNNKind(ImageKind):
    """A product over an image's values in raster order."""

    name = "pixelcnn"
    config = ImageModelConfig
    network = "wavesynth.models.images:image_model"
    recipe = "wavesynth.training.images:ImageRecipe"

    def weight_shapes(self, config: ImageModelConfig) -> dict[str, tuple[int, ...]]:
        """What its configuration says."""
        return config.weight_shapes()

    def summary(self, config: ImageModelConfig) -> str:
        """Its layers and the distribution of a value."""
        c = config
        head = f"{c.mixture} logistic components" if c.mixture else f"softmax over {c.levels} levels"
        return f"{c.variant}, {c.layers} layers of {c.features} features, {head}"

    def rows(
        self,
        network: PixelModel,
        params: Sequence[SamplingParams],
        labels: Tensor | None = None,
        known: Tensor | None = None,
        pixels: int = 0,
    ) -> Iterator[Tensor]:
        """By the fastest memory that there is for the variant."""
        from wavesynth.images.sampling import rows

        return rows(network, params, labels, known, pixels)
