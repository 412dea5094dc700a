"""PixelCNN and Gated PixelCNN: images one pixel at a time, all pixels of a known image at once.

van den Oord et al., "Pixel Recurrent Neural Networks", 2016 (2016a), sec. 3.4: layers of masked convolutions,
whose receptive field has a blind spot to the right above. And "Conditional Image Generation with PixelCNN
Decoders", 2016 (2016b): two stacks, of which the vertical one sees all rows above and the horizontal one the
row so far, and which are gated and may be conditioned on a class (eq. 4, fig. 2):

    v[l] = vertical(v[l-1])                  rows r-k/2 to r, columns c-k/2 to c+k/2; in the first layer rows above r
    h[l] = horizontal(x[l-1]) + link · v[l]      columns c-k/2 to c; in the first layer columns before c
    z[l] = tanh(h[l][:F] + a) · σ(h[l][F:] + b)      a, b by the class
    x[l] = x[l-1] + residual · z[l]
    params = output(z[1], ..., z[L])

Everything is laid out [batch, height, width, features], so that products at single pixels are plain products,
and a row or a pixel can be computed alone (wavesynth.images.sampling).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.pixels import ImageModelConfig, MaskedLinear, PixelModel, causal_mask, convolve, uniform
from wavesynth.models.wavenet import gate

__all__ = ["GatedLayer", "GatedPixelCNN", "PixelCNN"]


class MaskedConvolution(nn.Module):
    """A k × k convolution over the pixels before its own (mask A or B): [B, H, W, I] → [B, H, W, O].

    The rows below are not masked but left out.
    """

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, channels: int, strict: bool) -> None:
        super().__init__()
        reach = kernel // 2
        self.weight = uniform(outputs, inputs, reach + 1, kernel)
        self.bias = nn.Parameter(torch.zeros(outputs))
        mask = torch.ones(self.weight.shape)
        mask[:, :, -1, reach] = causal_mask(inputs, outputs, channels, strict)
        mask[:, :, -1, reach + 1 :] = 0
        self.register_buffer("mask", mask, persistent=False)
        self.pad = (reach, reach, reach, 0)

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, O]."""
        return convolve(x, self.weight * self.mask, self.bias, self.pad)


class PixelCNN(PixelModel):
    """The original: residual blocks of 1 × 1, masked k × k and 1 × 1 convolutions (2016a, table 1, fig. 5)."""

    def __init__(self, config: ImageModelConfig) -> None:
        super().__init__(config)
        c, half = config, max(config.features // 2 // config.channels, 1) * config.channels
        self.first = MaskedConvolution(c.channels, c.features, c.first_kernel, c.channels, strict=True)
        self.reduce = nn.ModuleList(MaskedLinear(c.features, half, c.channels) for _ in range(c.layers))
        self.middle = nn.ModuleList(
            MaskedConvolution(half, half, c.kernel, c.channels, strict=False) for _ in range(c.layers)
        )
        self.expand = nn.ModuleList(MaskedLinear(half, c.features, c.channels) for _ in range(c.layers))
        if c.labels:
            self.label = nn.Embedding(c.labels, c.features)
        self._ends(1)

    def features(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """[B, H, W, F]."""
        h = self.first(x)
        if labels is not None:
            h = h + self.label(labels)[:, None, None]
        for reduce, middle, expand in zip(self.reduce, self.middle, self.expand, strict=True):
            h = h + expand(F.relu(middle(F.relu(reduce(F.relu(h))))))
        return h


class GatedLayer(nn.Module):
    """One layer of both stacks. What it computes in parts is what sampling computes by rows and by pixels."""

    mask: Tensor

    def __init__(self, config: ImageModelConfig, first: bool) -> None:
        super().__init__()
        c = config
        inputs = c.channels if first else c.features
        self.first, self.reach = first, (c.first_kernel if first else c.kernel) // 2
        rows, columns = self.reach + (not first), 2 * self.reach + 1
        self.across = uniform(2 * c.features, inputs, rows, columns)
        self.across_bias = nn.Parameter(torch.zeros(2 * c.features))
        self.along = uniform(2 * c.features, inputs, 1, self.reach + 1)
        self.along_bias = nn.Parameter(torch.zeros(2 * c.features))
        self.link = nn.Linear(2 * c.features, 2 * c.features, bias=False)  # from rows above: nothing to mask
        self.residual = MaskedLinear(c.features, c.features, c.channels)
        if c.labels:
            self.label = nn.Embedding(c.labels, 4 * c.features)
            nn.init.normal_(self.label.weight, std=0.01)
        mask = torch.ones(self.along.shape)
        mask[:, :, 0, -1] = causal_mask(inputs, c.features, c.channels, strict=first).repeat(2, 1)
        self.register_buffer("mask", mask, persistent=False)

    def bake(self) -> None:
        """Multiplies the mask into the weight along the row."""
        self.along.mul_(self.mask)

    def conditioned(self, labels: Tensor | None) -> tuple[Tensor | float, Tensor | float]:
        """What the class adds to the vertical and to the horizontal stack: [B, 1, 1, 2F] each, or 0."""
        if labels is None:
            return 0.0, 0.0
        vertical, horizontal = self.label(labels)[:, None, None].chunk(2, -1)
        return vertical, horizontal

    def vertical(self, v: Tensor) -> Tensor:
        """The vertical stack before its gate, [B, H, W, 2F]; in the first layer of the rows above only."""
        above = v[:, :-1] if self.first else v
        return convolve(above, self.across, self.across_bias, (self.reach, self.reach, self.reach, 0))

    def horizontal(self, x: Tensor) -> Tensor:
        """What the row so far gives, [B, H, W, 2F]."""
        return convolve(x, self.along * self.mask, self.along_bias, (self.reach, 0, 0, 0))

    def out(self, x: Tensor, z: Tensor) -> Tensor:
        """The next layer's horizontal input [..., F]. The first layer's own pixel must not pass by: no shortcut."""
        return self.residual(z) if self.first else x + self.residual(z)

    def forward(self, v: Tensor, x: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """The next layer's inputs of both stacks and z, [B, H, W, F] each."""
        rows = self.vertical(v)
        h = self.horizontal(x) + self.link(rows)
        if labels is not None:
            by_row, by_pixel = self.conditioned(labels)
            rows, h = rows + by_row, h + by_pixel
        z = gate(h)
        return gate(rows), self.out(x, z), z


class GatedPixelCNN(PixelModel):
    """Two gated stacks without a blind spot, conditioned on a class if there are labels (2016b)."""

    def __init__(self, config: ImageModelConfig) -> None:
        super().__init__(config)
        self.stack = nn.ModuleList(GatedLayer(config, first=i == 0) for i in range(config.layers))
        self._ends(config.layers)

    @property
    def layers(self) -> list[GatedLayer]:
        """Both stacks' layers, in order."""
        return [layer for layer in self.stack if isinstance(layer, GatedLayer)]

    def features(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """The gated activations of all layers, [B, H, W, L · F]."""
        v, activations = x, []
        for layer in self.layers:
            v, x, z = layer(v, x, labels)
            activations.append(z)
        return torch.cat(activations, -1)
