"""Another voice: from the log-mel of whoever speaks to the log-mel of one speaker who says the same.

Trained on pairs of a recording and its copies in other people's voices (wavesynth.data.perturbation; after Choi et al.,
"Neural analysis and synthesis", 2021). It sees a frame with its near neighbours, and gated recurrent units (Cho et
al., 2014) remember the frames before, which tell who speaks:

    hidden[f] = relu(W · (source[f - past], ..., source[f + look_ahead]))
    memory[f] = GRU(hidden[f], memory[f - 1])
    output[f] = V · (hidden[f], memory[f])
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.converter_config import ConverterConfig

__all__ = ["Converter", "ConverterConfig"]


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
        source: Tensor,
        memory: Tensor | None = None,
        hidden_bias: Tensor | float = 0.0,
        output_bias: Tensor | float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """The converted log-mel, [B, F, bands], of the source's, [B, past + F + look_ahead, bands]; and the memory
        after it, [layers, B, channels], with which the next frames go on.

        `hidden_bias` [B, 1, channels] and `output_bias` [B, 1, bands] are added to the biases of the first and the last
        layer for other speakers, who are only there while it is trained.
        """
        windows = source.unfold(1, self.config.window, 1).transpose(2, 3).flatten(2)  # [B, F, window · bands]
        hidden = F.relu(self.hear(windows) + hidden_bias)
        recurrent, memory = self.remember(hidden, memory)
        return self.say(torch.cat([hidden, recurrent], -1)) + output_bias, memory

    def nll(self, converted: Tensor, target: Tensor) -> Tensor:
        """Nats, -ln of the target's density [B, F, bands] under a Laplace distribution about `converted`."""
        return (target - converted).abs() * torch.exp(-self.log_scale) + self.log_scale + math.log(2)

    @torch.inference_mode()
    def convert(self, mel: Tensor, silence: float) -> Tensor:
        """The log-mel of whole recordings of one length, [B, F, bands] → [B, F, bands]; `silence` is a silent value."""
        around = (0, 0, self.config.past, self.config.look_ahead)
        return self(F.pad(mel, around, value=silence))[0].clamp(min=silence)
