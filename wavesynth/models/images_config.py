"""What the descriptions of all models of images have in common, without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.checks import require_whole

__all__ = ["ImageShape", "Shapes", "affine"]

#: The shapes of a network's weights, by their names.
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class ImageShape:
    """The images that a model makes. `labels` 0 means not conditioned on a class."""

    height: int = 28
    width: int = 28
    channels: int = 1
    levels: int = 256
    labels: int = 0

    def __post_init__(self) -> None:
        limits = {
            "height": (1, 512),
            "width": (1, 512),
            "channels": (1, 4),
            "levels": (2, 256),
            "labels": (0, 10_000),
        }
        require_whole(self, limits)

    @property
    def dimensions(self) -> int:
        """Values in an image, H · W · C."""
        return self.height * self.width * self.channels

    @property
    def shape(self) -> tuple[int, int, int]:
        """[H, W, C]."""
        return self.height, self.width, self.channels

    def weight_shapes(self) -> Shapes:
        """The shapes of the network's weights, by their names."""
        raise NotImplementedError


def affine(name: str, *weight: int) -> Shapes:
    """Of a product or a convolution and its bias; `weight` is the shape of its weight, [outputs, ...]."""
    return {f"{name}.weight": weight, f"{name}.bias": weight[:1]}
