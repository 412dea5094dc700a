"""PixelRNN: images one pixel at a time by two-dimensional LSTMs.

van den Oord et al., "Pixel Recurrent Neural Networks", 2016, sec. 3.1 to 3.3. A first masked convolution, then
LSTM layers with a shortcut around each, whose gates are (eq. 3)

    o, f, i, g = input_to_state * x + state_to_state * h_before
    c = σ(f) · c_before + σ(i) · tanh(g)         h = σ(o) · tanh(c)

For the Row LSTM "before" is the row above, three columns wide: a triangle of context, and all columns of a row at
once. For the Diagonal BiLSTM it is the pixel to the left and the pixel above, in a map that is skewed by one
column a row, so that a diagonal is a column and all of its pixels come at once; a second one runs from the right,
and its output is moved down by a row lest it should see what comes later: all of the context there is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.diagonals import diagonals, lstm
from wavesynth.models.pixelcnn import MaskedConvolution
from wavesynth.models.pixels import ImageModelConfig, MaskedLinear, PixelModel, causal_mask, convolve, uniform

__all__ = ["DiagonalBiLSTM", "RowLSTM"]


class RowLSTMLayer(nn.Module):
    """From the top to the bottom, a whole row in each step: [B, H, W, F] → [B, H, W, F]."""

    mask: Tensor

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.input_to_state = uniform(4 * features, features, 1, 2)  # three wide, the right one masked
        self.bias = nn.Parameter(torch.zeros(4 * features))
        self.state_to_state = uniform(4 * features, features, 1, 3)
        mask = torch.ones(self.input_to_state.shape)
        mask[:, :, 0, 1] = causal_mask(features, features, channels, strict=False).repeat(4, 1)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, F]."""
        gates = convolve(x, self.input_to_state * self.mask, self.bias, (1, 0, 0, 0))
        hidden = cell = torch.zeros_like(x[:, :1])
        rows = []
        for row in gates.split(1, 1):  # [B, 1, W, 4F]
            hidden, cell = lstm(row + convolve(hidden, self.state_to_state, None, (1, 1, 0, 0)), cell)
            rows.append(hidden)
        return torch.cat(rows, 1)


class DiagonalLSTMLayer(nn.Module):
    """From the top left to the bottom right, a diagonal in each step: [B, H, W, F] → [B, H, W, F]."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.input_to_state = MaskedLinear(features, 4 * features, channels, (1, 4))
        self.state_to_state = uniform(4 * features, 2 * features)  # the pixel above, the pixel to the left

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, F]."""
        return diagonals(self.input_to_state(x), self.state_to_state)


class BiLSTMLayer(nn.Module):
    """A Diagonal LSTM from each side, that from the right moved down by a row: [B, H, W, F] → [B, H, W, F]."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.left = DiagonalLSTMLayer(features, channels)
        self.right = DiagonalLSTMLayer(features, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, F]."""
        right = self.right(x.flip(2)).flip(2)
        return self.left(x) + F.pad(right, (0, 0, 0, 0, 1, -1))


class _PixelRNN(PixelModel):
    """A masked convolution, LSTM layers with shortcuts (fig. 5, right), and the output."""

    _layer: type[RowLSTMLayer | BiLSTMLayer]

    def __init__(self, config: ImageModelConfig) -> None:
        super().__init__(config)
        c, half = config, max(config.features // 2 // config.channels, 1) * config.channels
        self.first = MaskedConvolution(c.channels, c.features, c.first_kernel, c.channels, strict=True)
        self.reduce = nn.ModuleList(MaskedLinear(c.features, half, c.channels) for _ in range(c.layers))
        self.recurrent = nn.ModuleList(self._layer(half, c.channels) for _ in range(c.layers))
        self.expand = nn.ModuleList(MaskedLinear(half, c.features, c.channels) for _ in range(c.layers))
        if c.labels:
            self.label = nn.Embedding(c.labels, c.features)
        self._ends(1)

    def features(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """[B, H, W, F]."""
        x = self.first(x)
        if labels is not None:
            x = x + self.label(labels)[:, None, None]
        for reduce, recurrent, expand in zip(self.reduce, self.recurrent, self.expand, strict=True):
            x = x + expand(recurrent(reduce(x)))
        return x


class RowLSTM(_PixelRNN):
    """PixelRNN with Row LSTM layers (sec. 3.1)."""

    _layer = RowLSTMLayer


class DiagonalBiLSTM(_PixelRNN):
    """PixelRNN with Diagonal BiLSTM layers (sec. 3.2).

    The features of a pixel do not see the pixel itself, so the last pixel of a row is seen by none in its row, and the
    LSTM from the right would not know it in the next. Hence the map has one more column, beyond the right edge.
    """

    _layer = BiLSTMLayer

    def features(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """[B, H, W, F]."""
        return super().features(F.pad(x, (0, 0, 0, 1)), labels)[:, :, :-1]
