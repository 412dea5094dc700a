"""The kind pixelcnn: the autoregressive networks of two papers, which share all but their layers.

van den Oord et al., "Pixel Recurrent Neural Networks" and "Conditional Image Generation with PixelCNN Decoders", 2016.
`variant` in their configuration says which network it is: plain, gated, row-lstm or diagonal-bilstm.
"""

from __future__ import annotations

from wavesynth.kinds import Kind
from wavesynth.models.images import image_model
from wavesynth.models.pixels import ImageModelConfig

__all__ = ["PixelCNNKind"]


class PixelCNNKind(Kind):
    """A product over an image's values in raster order."""

    name = "pixelcnn"
    makes = "images"
    config = ImageModelConfig
    network = staticmethod(image_model)
    recipe = "wavesynth.training.images:ImageRecipe"
