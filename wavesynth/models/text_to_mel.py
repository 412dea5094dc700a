"""From phonemes to log-mel: how long each phoneme lasts, how high and loud it is, and then what it sounds like.

After FastSpeech 2 (Ren et al., 2021): an encoder sees the phonemes of an utterance, predictors say their durations and
their prosody, every phoneme is repeated for as many frames as it lasts, and a decoder makes the frames. The layers are
ConvNeXt blocks (Liu et al., "A ConvNet for the 2020s", 2022), over time:

    x + W2 hardswish(W1 norm(depthwise(x)))

with hard swish (Howard et al., "Searching for MobileNetV3", 2019) for the original's GELU: it takes no exponential, so
that its bits are the same on every processor.

A phoneme's prosody is the pitch of its three thirds and its energy. Pitch is the logarithm of the fundamental frequency
in the speaker's standard deviations. Between those heights, and where a phoneme has no voice, it is interpolated: a
decoder that is told each frame's pitch puts the harmonics where the vocoder hears them. The decoder makes two frames at
a step. Training gives durations, prosody and pitch; what speaks takes the predicted ones (wavesynth.text.planning).
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.text_config import PAUSES, TextConfig

__all__ = ["Stack", "TextConfig", "TextToMel"]


class Block(nn.Module):
    """A ConvNeXt block over time, [B, T, channels] → the same."""

    def __init__(self, channels: int, kernel: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.up = nn.Linear(channels, expansion * channels)
        self.down = nn.Linear(expansion * channels, channels)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.down.weight, std=0.02)
        nn.init.zeros_(self.down.bias)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """`mask` [B, T, 1] is 0 behind an utterance's end: there, as before its beginning, the layers see zeros."""
        y = x if mask is None else x * mask
        y = self.norm(self.depthwise(y.mT).mT)
        return x + self.dropout(self.down(F.hardswish(self.up(y))))


class Stack(nn.Module):
    """A dense layer, blocks, a norm and a dense layer: [B, T, inputs] → [B, T, outputs]."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        channels: int,
        layers: int,
        kernel: int,
        expansion: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.input = nn.Linear(inputs, channels)
        self.blocks = nn.ModuleList(Block(channels, kernel, expansion, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)
        self.output = nn.Linear(channels, outputs)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """What the last layer says of each step."""
        x = self.input(x)
        for block in self.blocks:
            x = block(x, mask)
        output: Tensor = self.output(self.norm(x))
        return output


class TextToMel(nn.Module):
    """The network. Its buffers say what its numbers mean: log-mel is `mean + scale · output`; a height of pitch h is
    the frequency exp(pitch_range[0] + h · pitch_range[1]) in hertz; `silence` is the log-mel of a pause.

    >>> network = TextToMel(TextConfig(channels=16, predictor_channels=16))
    >>> symbols = torch.zeros(1, 5, dtype=torch.long)
    >>> network.encode(symbols, symbols, symbols).shape  # five symbols
    torch.Size([1, 5, 16])
    """

    #: Share of the values that training leaves out, of each stack.
    dropout: ClassVar[dict[str, float]] = {"encoder": 0.1, "duration": 0.3, "prosody": 0.3, "decoder": 0.05}

    def __init__(self, config: TextConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or TextConfig()
        self.symbol = nn.Embedding(len(c.symbols), c.channels)
        self.stress = nn.Embedding(3, c.channels)
        self.clause = nn.Embedding(len(PAUSES), c.channels)
        for table in (self.symbol, self.stress, self.clause):
            nn.init.normal_(table.weight, std=0.5)
        stacks = {
            name: Stack(*shape, expansion=c.expansion, dropout=self.dropout[name])
            for name, shape in c.stacks.items()
        }
        self.encoder, self.duration = stacks["encoder"], stacks["duration"]
        self.prosody, self.decoder = stacks["prosody"], stacks["decoder"]
        self.register_buffer("mean", torch.zeros(c.bands))
        self.register_buffer("scale", torch.ones(c.bands))
        self.register_buffer("silence", torch.full((c.bands,), -1.5))
        self.register_buffer("pitch_range", torch.tensor([5.3, 0.2]))

    def encode(self, symbols: Tensor, stress: Tensor, clause: Tensor, mask: Tensor | None = None) -> Tensor:
        """Vectors [B, P, channels] of symbols [B, P], their stress and the marks of their clauses, by number."""
        x: Tensor = self.symbol(symbols) + self.stress(stress) + self.clause(clause)
        encoded: Tensor = self.encoder(x, mask)
        return encoded

    def frames(self, encoded: Tensor, prosody: Tensor, index: Tensor, features: Tensor) -> Tensor:
        """What the decoder is given, [B, S, FRAMES · frame_inputs]: of each frame the vector and the prosody of its
        phoneme, whose number is `index` [B, F], and `features` [B, F, FEATURES] (wavesynth.text.planning). `encoded` is
        [B, P, channels], `prosody` [B, P, PROSODY].
        """
        phonemes = torch.cat([encoded, prosody], -1)
        found = phonemes.gather(1, index[..., None].expand(-1, -1, phonemes.shape[-1]))
        return torch.cat([found, features], -1).unflatten(1, (-1, self.config.FRAMES)).flatten(2)

    def decode(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        """Log-mel [B, F, bands] of what `frames` gives, normalised; `mask` [B, S, 1] is of steps."""
        steps: Tensor = self.decoder(frames, mask)
        return steps.unflatten(2, (self.config.FRAMES, -1)).flatten(1, 2)
