"""The shape of a model of images, without PyTorch: what its description says of its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from wavesynth.checks import require, require_whole

__all__ = ["VARIANTS", "ImageModelConfig", "Variant", "renamed"]

Variant = Literal["plain", "gated", "row-lstm", "diagonal-bilstm"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


@dataclass(frozen=True)
class ImageModelConfig:
    """The shape of a model of images. The defaults are a Gated PixelCNN of 3.4 million parameters.

    `labels` 0 means not conditioned on a class. `kernel` and `first_kernel` are odd widths in pixels (of the two
    LSTMs only the first is used). `mixture` is the number of logistic components of each value's distribution;
    0 means a softmax over all `levels`. `hidden` is the width of the two products before the output.
    """

    variant: Variant = "gated"
    height: int = 28
    width: int = 28
    channels: int = 1
    levels: int = 256
    labels: int = 0
    features: int = 96
    layers: int = 9
    kernel: int = 5
    first_kernel: int = 7
    hidden: int = 256
    mixture: int = 0

    def __post_init__(self) -> None:
        limits = {
            "height": (1, 512),
            "width": (1, 512),
            "channels": (1, 4),
            "levels": (2, 256),
            "labels": (0, 10_000),
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

    @property
    def dimensions(self) -> int:
        """Values in an image, H · W · C."""
        return self.height * self.width * self.channels

    @property
    def shape(self) -> tuple[int, int, int]:
        """[H, W, C]."""
        return self.height, self.width, self.channels

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the network's weights, by their names in `wavesynth.models.images.image_model`."""
        shapes = self._gated() if self.variant == "gated" else self._residual()
        blocks = self.layers if self.variant == "gated" else 1
        values = self.channels * (3 * self.mixture or self.levels)
        shapes |= _product("skip", blocks * self.features, self.hidden)
        return shapes | _product("hidden", self.hidden, self.hidden) | _product("last", self.hidden, values)

    def _gated(self) -> dict[str, tuple[int, ...]]:
        """Of the layers of a Gated PixelCNN (wavesynth.models.pixelcnn)."""
        features, shapes = self.features, dict[str, tuple[int, ...]]()
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
                **_product(f"{name}.residual", features, features),
            }
            if self.labels:
                shapes[f"{name}.label.weight"] = self.labels, 4 * features
        return shapes

    def _residual(self) -> dict[str, tuple[int, ...]]:
        """Of the layers of the other networks (wavesynth.models.pixelcnn and pixelrnn)."""
        features, half = self.features, max(self.features // 2 // self.channels, 1) * self.channels
        shapes = _convolution("first", self.channels, features, self.first_kernel)
        if self.labels:
            shapes["label.weight"] = self.labels, features
        for layer in range(self.layers):
            shapes |= _product(f"reduce.{layer}", features, half) | _product(
                f"expand.{layer}", half, features
            )
            name = f"recurrent.{layer}"
            if self.variant == "plain":
                shapes |= _convolution(f"middle.{layer}", half, half, self.kernel)
            elif self.variant == "row-lstm":
                shapes[f"{name}.input_to_state"] = 4 * half, half, 1, 2
                shapes[f"{name}.bias"] = (4 * half,)
                shapes[f"{name}.state_to_state"] = 4 * half, half, 1, 3
            else:
                for side in (f"{name}.left", f"{name}.right"):
                    shapes |= _product(f"{side}.input_to_state", half, 4 * half)
                    shapes[f"{side}.state_to_state"] = 4 * half, 2 * half
        return shapes


def renamed(values: Any) -> Any:
    """A network's fields as files had them before `kind` stood above them, with their names of now."""
    if not isinstance(values, dict) or "kind" not in values:
        return values
    variant = "plain" if values["kind"] == "pixelcnn" else values["kind"]
    return {"variant": variant} | {name: value for name, value in values.items() if name != "kind"}


def _product(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _convolution(name: str, inputs: int, outputs: int, kernel: int) -> dict[str, tuple[int, ...]]:
    """Of a masked one, which reads the rows above and its own."""
    return {f"{name}.weight": (outputs, inputs, kernel // 2 + 1, kernel), f"{name}.bias": (outputs,)}
