"""Another voice: from the log-mel of whoever speaks to the log-mel of one speaker who says the same.

Trained on pairs of a recording and its copies in other people's voices (wavesynth.data.perturbation; after Choi et al.,
"Neural analysis and synthesis", 2021). It hears a frame with its near neighbours, and remembers in gated recurrent
units (Cho et al., 2014) what it has heard until then, which says who speaks:

    hidden[f] = relu(W · (heard[f - past], ..., heard[f + look_ahead]))
    memory[f] = GRU(hidden[f], memory[f - 1])
    said[f]   = V · (hidden[f], memory[f])
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.checks import require_whole

__all__ = ["Converter", "ConverterConfig"]


@dataclass(frozen=True)
class ConverterConfig:
    """The shape of a converter. What it says of a frame it says when it has heard the `look_ahead` frames after it."""

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
        """Frames that are heard at once."""
        return self.past + 1 + self.look_ahead


class Converter(nn.Module):
    """The network. `log_scale` [bands] is the logarithm of how large its errors are expected to be.

    >>> converter = Converter(ConverterConfig(bands=8, channels=16))
    >>> converter(torch.zeros(1, 3 + 20 + 5, 8))[0].shape  # 20 frames, and those around them
    torch.Size([1, 20, 8])
    """

    def __init__(self, config: ConverterConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or ConverterConfig()
        self.hear = nn.Linear(c.window * c.bands, c.channels)
        self.remember = nn.GRU(c.channels, c.channels, c.layers, batch_first=True)
        self.say = nn.Linear(2 * c.channels, c.bands)
        self.log_scale = nn.Parameter(torch.zeros(c.bands))

    def forward(
        self,
        heard: Tensor,
        memory: Tensor | None = None,
        to_hidden: Tensor | float = 0.0,
        to_said: Tensor | float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """What is said, [B, F, bands], of what is heard, [B, past + F + look_ahead, bands]; and the memory after it,
        [layers, B, channels], with which the next frames go on.

        `to_hidden` [B, 1, channels] and `to_said` [B, 1, bands] are added to the biases of `hear` and `say` for
        another speaker, who is only there while it is trained.
        """
        windows = heard.unfold(1, self.config.window, 1).transpose(2, 3).flatten(2)  # [B, F, window · bands]
        hidden = F.relu(self.hear(windows) + to_hidden)
        remembered, memory = self.remember(hidden, memory)
        return self.say(torch.cat([hidden, remembered], -1)) + to_said, memory

    def nll(self, said: Tensor, wanted: Tensor) -> Tensor:
        """Nats, -ln of the density of what was wanted [B, F, bands], a Laplace distribution's about what is said."""
        return (wanted - said).abs() * torch.exp(-self.log_scale) + self.log_scale + math.log(2)

    @torch.inference_mode()
    def convert(self, mel: Tensor, silence: float) -> Tensor:
        """The log-mel of whole recordings of one length, [B, F, bands] → [B, F, bands]; `silence` is a silent value."""
        around = (0, 0, self.config.past, self.config.look_ahead)
        return self(F.pad(mel, around, value=silence))[0].clamp(min=silence)
