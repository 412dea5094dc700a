"""The kind pixelcnn: the autoregressive networks of two papers, which share all but their layers.

van den Oord et al., "Pixel Recurrent Neural Networks" and "Conditional Image Generation with PixelCNN Decoders", 2016.
`variant` in their configuration says which network it is: plain, gated, row-lstm or diagonal-bilstm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from wavesynth.images.kinds import ImageKind
from wavesynth.images.sampling import rows
from wavesynth.models.images import image_model
from wavesynth.models.pixels import ImageModelConfig, PixelModel
from wavesynth.sampling.params import SamplingParams

__all__ = ["PixelCNNKind"]


class PixelCNNKind(ImageKind):
    """A product over an image's values in raster order."""

    name = "pixelcnn"
    config = ImageModelConfig
    network = staticmethod(image_model)
    recipe = "wavesynth.training.images:ImageRecipe"

    def rows(
        self,
        network: PixelModel,
        params: Sequence[SamplingParams],
        labels: Tensor | None = None,
        known: Tensor | None = None,
        pixels: int = 0,
    ) -> Iterator[Tensor]:
        """By the fastest memory that there is for the variant."""
        return rows(network, params, labels, known, pixels)
