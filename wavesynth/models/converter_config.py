"""The shape of a converter, without PyTorch: what a voice's description says of it."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.checks import require_whole

__all__ = ["ConverterConfig"]


@dataclass(frozen=True)
class ConverterConfig:
    """The shape of a converter. It converts a frame when it has seen the `look_ahead` frames after it."""

    bands: int = 80
    channels: int = 256
    layers: int = 2
    past: int = 3
    look_ahead: int = 5

    def __post_init__(self) -> None:
        limits = {
            "bands": (1, 256),
            "channels": (1, 1024),
            "layers": (1, 8),
            "past": (0, 50),
            "look_ahead": (0, 50),
        }
        require_whole(self, limits)

    @property
    def window(self) -> int:
        """Frames that it sees at once."""
        return self.past + 1 + self.look_ahead

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the network's weights, by their names in `wavesynth.models.converter.Converter`."""
        channels, gates = self.channels, 3 * self.channels
        shapes: dict[str, tuple[int, ...]] = {
            "hear.weight": (channels, self.window * self.bands),
            "hear.bias": (channels,),
            "say.weight": (self.bands, 2 * channels),
            "say.bias": (self.bands,),
            "log_scale": (self.bands,),
        }
        for layer in range(self.layers):
            for side in ("ih", "hh"):
                shapes[f"remember.weight_{side}_l{layer}"] = gates, channels
                shapes[f"remember.bias_{side}_l{layer}"] = (gates,)
        return shapes
