"""The networks of the kind pixelcnn, by the names of their variants."""

from __future__ import annotations

from wavesynth.models.pixelcnn import GatedPixelCNN, PixelCNN
from wavesynth.models.pixelrnn import DiagonalBiLSTM, RowLSTM
from wavesynth.models.pixels import ImageModelConfig, PixelModel, Variant

__all__ = ["NETWORKS", "image_model"]

#: What `variant` may be.
NETWORKS: dict[Variant, type[PixelModel]] = {
    "plain": PixelCNN,
    "gated": GatedPixelCNN,
    "row-lstm": RowLSTM,
    "diagonal-bilstm": DiagonalBiLSTM,
}


def image_model(config: ImageModelConfig) -> PixelModel:
    """A network of the configured variant and size with random weights."""
    return NETWORKS[config.variant](config)
