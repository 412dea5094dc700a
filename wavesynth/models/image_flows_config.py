"""The shapes of NICE and RealNVP, without PyTorch: what their descriptions say of their networks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from wavesynth.checks import require, require_whole
from wavesynth.models.images_config import ImageShape, Shapes, affine

__all__ = ["NICEConfig", "RealNVPConfig"]

#: Couplings over a checkerboard and over channels of one scale, and of the last scale (RealNVP, sec. 3.6).
COUPLINGS, LAST_COUPLINGS = 3, 4


@dataclass(frozen=True)
class NICEConfig(ImageShape):
    """The defaults are the paper's for MNIST: four couplings, each a perceptron of five hidden layers of 1,000."""

    couplings: int = 4
    layers: int = 5
    features: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, {"couplings": (2, 100), "layers": (1, 100), "features": (1, 8192)})
        require(self, "height", self.dimensions >= 2, "larger: one value cannot move by another")

    def weight_shapes(self) -> Shapes:
        """Of the perceptrons, and of the diagonal scaling."""
        shapes: Shapes = {}
        for coupling in range(self.couplings):
            moved = (self.dimensions + coupling % 2) // 2
            sizes = [self.dimensions - moved, *[self.features] * self.layers, moved]
            name = f"flow.parts.{coupling + 1}.network"
            for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
                shapes |= affine(f"{name}.layers.{layer}", outputs, inputs)
            shapes[f"{name}.gain"] = (moved,)
            shapes |= _label(name, self.labels, self.features)
        return shapes | _scaling(f"flow.parts.{self.couplings + 1}", self.dimensions)


@dataclass(frozen=True)
class RealNVPConfig(ImageShape):
    """`features` of the residual networks at the first scale, twice as many at each further one; `blocks` of two
    convolutions in each. `alpha` keeps the logits of black and white finite (sec. 4.1)."""

    scales: int = 2
    features: int = 32
    blocks: int = 2
    alpha: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, {"scales": (1, 8), "features": (1, 1024), "blocks": (0, 100)})
        require(self, "alpha", 0 < self.alpha < 0.5, "above 0 and below 0.5")
        for name in ("height", "width"):
            pixels, times = getattr(self, name), self.scales - 1
            allowed = f"a multiple of {2**times}: with {self.scales} scales it is halved {times} times"
            require(self, name, pixels % 2**times == 0, allowed)
        pixels = self.height * self.width // 4 ** (self.scales - 1)
        allowed = "fewer: what they leave must have at least 2 pixels, so that one can move"
        require(self, "scales", pixels >= 2, allowed)

    def weight_shapes(self) -> Shapes:
        """Of all couplings and of the scaling after each, scale by scale."""
        shapes: Shapes = {}
        channels, features = self.channels, self.features
        for scale in range(self.scales):
            name, last = f"flow.parts.2.scales.{scale}", scale == self.scales - 1
            boards = LAST_COUPLINGS if last else COUPLINGS
            for coupling in range(boards):
                shapes |= self._coupling(f"{name}.parts.{2 * coupling}", channels, channels, features)
                shapes |= _scaling(f"{name}.parts.{2 * coupling + 1}", channels)
            if last:
                break
            channels, features = 4 * channels, 2 * features
            for coupling in range(COUPLINGS):
                place = 2 * (boards + coupling) + 1
                shapes |= self._coupling(f"{name}.parts.{place}", channels // 2, channels // 2, features)
                shapes |= _scaling(f"{name}.parts.{place + 1}", channels)
            channels //= 2
        return shapes

    def _coupling(self, name: str, kept: int, moved: int, features: int) -> Shapes:
        """Of an affine coupling and its residual network."""
        shapes: Shapes = {f"{name}.limit": (moved,)}
        network = f"{name}.network"
        shapes |= affine(f"{network}.first", features, kept, 3, 3)
        for block in range(self.blocks):
            shapes |= affine(f"{network}.inner.{block}", features, features, 3, 3)
            shapes |= affine(f"{network}.outer.{block}", features, features, 3, 3)
        shapes |= affine(f"{network}.last", 2 * moved, features, 1, 1)
        return shapes | _label(network, self.labels, features)


def _label(name: str, labels: int, features: int) -> Shapes:
    return {f"{name}.label.weight": (labels, features)} if labels else {}


def _scaling(name: str, channels: int) -> Shapes:
    return {f"{name}.shift": (channels,), f"{name}.log_scale": (channels,)}
