"""The shape of a model of images, without PyTorch: what its description says of its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from wavesynth.checks import require, require_whole
from wavesynth.models.images_config import ImageShape, Shapes, affine

__all__ = ["VARIANTS", "ImageModelConfig", "Variant", "renamed"]

Variant = Literal["plain", "gated", "row-lstm", "diagonal-bilstm"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


@dataclass(frozen=True)
class ImageModelConfig(ImageShape):
    """The shape of a model of images. The defaults are a Gated PixelCNN of 3.4 million parameters.

    `kernel` and `first_kernel` are odd widths in pixels (of the two
    LSTMs only the first is used). `mixture` is the number of logistic components of each value's distribution;
    0 means a softmax over all `levels`. `hidden` is the width of the two products before the output.
    """

    variant: Variant = "gated"
    features: int = 96
    layers: int = 9
    kernel: int = 5
    first_kernel: int = 7
    hidden: int = 256
    mixture: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = {
            "features": (1, 1024),
            "layers": (1, 100),
            "kernel": (3, 15),
            "first_kernel": (3, 15),
            "hidden": (1, 4096),
            "mixture": (0, 50),
        }
        require_whole(self, limits)
        require(self, "variant", self.variant in VARIANTS, " or ".join(map(repr, VARIANTS)))
        for name in ("kernel", "first_kernel"):
            require(self, name, getattr(self, name) % 2 == 1, "odd")
        for name in ("features", "hidden"):
            multiple = getattr(self, name) % self.channels == 0
            require(self, name, multiple, f"a multiple of channels, {self.channels}")

    def weight_shapes(self) -> Shapes:
        """The shapes of the network's weights, by their names in `wavesynth.models.images.image_model`."""
        shapes = self._gated() if self.variant == "gated" else self._residual()
        blocks = self.layers if self.variant == "gated" else 1
        values = self.channels * (3 * self.mixture or self.levels)
        shapes |= affine("skip", self.hidden, blocks * self.features)
        return shapes | affine("hidden", self.hidden, self.hidden) | affine("last", values, self.hidden)

    def _gated(self) -> Shapes:
        """Of the layers of a Gated PixelCNN (wavesynth.models.pixelcnn)."""
        features, shapes = self.features, Shapes()
        for layer in range(self.layers):
            name, inputs, reach = f"stack.{layer}", features, self.kernel // 2
            rows = reach + 1
            if layer == 0:
                inputs, rows = self.channels, self.first_kernel // 2
                reach = rows
            shapes |= {
                f"{name}.across": (2 * features, inputs, rows, 2 * reach + 1),
                f"{name}.across_bias": (2 * features,),
                f"{name}.along": (2 * features, inputs, 1, reach + 1),
                f"{name}.along_bias": (2 * features,),
                f"{name}.link.weight": (2 * features, 2 * features),
                **affine(f"{name}.residual", features, features),
            }
            if self.labels:
                shapes[f"{name}.label.weight"] = self.labels, 4 * features
        return shapes

    def _residual(self) -> Shapes:
        """Of the layers of the other networks (wavesynth.models.pixelcnn and pixelrnn)."""
        features, half = self.features, max(self.features // 2 // self.channels, 1) * self.channels
        shapes = _masked("first", self.channels, features, self.first_kernel)
        if self.labels:
            shapes["label.weight"] = self.labels, features
        for layer in range(self.layers):
            shapes |= affine(f"reduce.{layer}", half, features) | affine(f"expand.{layer}", features, half)
            name = f"recurrent.{layer}"
            if self.variant == "plain":
                shapes |= _masked(f"middle.{layer}", half, half, self.kernel)
            elif self.variant == "row-lstm":
                shapes[f"{name}.input_to_state"] = 4 * half, half, 1, 2
                shapes[f"{name}.bias"] = (4 * half,)
                shapes[f"{name}.state_to_state"] = 4 * half, half, 1, 3
            else:
                for side in (f"{name}.left", f"{name}.right"):
                    shapes |= affine(f"{side}.input_to_state", 4 * half, half)
                    shapes[f"{side}.state_to_state"] = 4 * half, 2 * half
        return shapes


def renamed(values: Any) -> Any:
    """A network's fields as files had them before `kind` stood above them, with their names of now."""
    if not isinstance(values, dict) or "kind" not in values:
        return values
    variant = "plain" if values["kind"] == "pixelcnn" else values["kind"]
    return {"variant": variant} | {name: value for name, value in values.items() if name != "kind"}


def _masked(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
    """Of a masked convolution, which reads the rows above and its own."""
    return affine(name, outputs, inputs, kernel // 2 + 1, kernel)
