"""The models of images by their names."""

from __future__ import annotations

from wavesynth.models.pixelcnn import GatedPixelCNN, PixelCNN
from wavesynth.models.pixelrnn import DiagonalBiLSTM, RowLSTM
from wavesynth.models.pixels import ImageModelConfig, Kind, PixelModel

__all__ = ["KINDS", "image_model"]

#: What `kind` may be.
KINDS: dict[Kind, type[PixelModel]] = {
    "pixelcnn": PixelCNN,
    "gated": GatedPixelCNN,
    "row-lstm": RowLSTM,
    "diagonal-bilstm": DiagonalBiLSTM,
}


def image_model(config: ImageModelConfig) -> PixelModel:
    """A network of the configured kind and size with random weights."""
    return KINDS[config.kind](config)
