"""The shape of a WaveNet, without PyTorch: what a voice's description says of its network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from wavesynth.checks import require, require_whole

__all__ = ["WaveNetConfig", "start_token"]


def start_token(classes: int) -> int:
    """The class that stands before the first sample, of so many: μ-law's zero."""
    return classes // 2


@dataclass(frozen=True)
class WaveNetConfig:
    """The shape of a WaveNet. The defaults are 5 stacks of 1..512: 50 layers, 320 ms of context at 16 kHz.

    `mel_bands` 0 means no local conditioning, `speakers` 0 no global conditioning. `hop` is the number of
    samples over which one conditioning frame is held; `mel_context` the number of mel frames on each side
    of a frame that its conditioning sees. In a `reversible` network each layer's residual is added to the input of the
    layer before (wavesynth.models.wavenet), so that training need not keep activations.
    """

    #: Fields that came with a format of descriptions (wavesynth.formats.read_config); in older ones they are as here.
    later: ClassVar[Mapping[str, int]] = {"reversible": 4}

    stacks: int = 5
    layers_per_stack: int = 10
    residual: int = 64
    skip: int = 256
    classes: int = 256
    mel_bands: int = 80
    mel_channels: int = 128
    speakers: int = 0
    hop: int = 160
    reversible: bool = False

    def __post_init__(self) -> None:
        limits = {
            "stacks": (1, 20),
            "layers_per_stack": (1, 12),
            "residual": (16, 512),
            "skip": (16, 1024),
            "classes": (16, 1024),
            "mel_bands": (0, 256),
            "mel_channels": (1, 1024),
            "speakers": (0, 100_000),
            "hop": (1, 4096),
        }
        require_whole(self, limits)
        for name in ("residual", "skip", "classes"):
            require(self, name, getattr(self, name) % 16 == 0, "a multiple of 16")
        require(self, "reversible", isinstance(self.reversible, bool), "true or false")

    @property
    def layers(self) -> int:
        """Number of dilated layers, L."""
        return self.stacks * self.layers_per_stack

    @property
    def dilations(self) -> tuple[int, ...]:
        """Dilation of each layer, in samples: 1, 2, 4, ... in each stack."""
        return tuple(2**i for i in range(self.layers_per_stack)) * self.stacks

    @property
    def receptive_field(self) -> int:
        """Number of input samples that one prediction depends on: 1 + the sum of the dilations."""
        return 1 + sum(self.dilations)

    @property
    def start_token(self) -> int:
        """The class that stands before the first sample."""
        return start_token(self.classes)

    @property
    def mel_context(self) -> int:
        """Mel frames on each side of a frame that its conditioning sees: kernels 5 and 3."""
        return 3 if self.mel_bands else 0

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the network's weights, by their names in `wavesynth.models.wavenet.WaveNet`."""
        layers, residual, skip, classes = self.layers, self.residual, self.skip, self.classes
        channels, width = self.mel_channels, self.layers * 2 * self.residual
        shapes: dict[str, tuple[int, ...]] = {
            "embedding.weight": (classes, residual),
            "dilated": (layers, 2 * residual, 2 * residual),
            "residual": (layers, residual, residual),
            "residual_bias": (layers, residual),
            "skip.weight": (skip, layers * residual),
            "skip.bias": (skip,),
            "hidden.weight": (classes, skip),
            "hidden.bias": (classes,),
            "output.weight": (classes, classes),
            "output.bias": (classes,),
            "bias": (width,),
        }
        if self.mel_bands:
            shapes |= {
                "mel_hidden.weight": (channels, self.mel_bands, 5),
                "mel_hidden.bias": (channels,),
                "mel_smooth.weight": (channels, channels, 3),
                "mel_smooth.bias": (channels,),
                "mel_output.weight": (width, channels),
            }
        if self.speakers:
            shapes["speaker.weight"] = (self.speakers, width)
        return shapes
