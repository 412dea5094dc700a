"""RealNVP: couplings that scale as well as shift, over checkerboards and channels, at several scales.

Dinh et al., "Density estimation using Real NVP", 2016. One scale is (sec. 3.6, fig. 3 and 4)

    3 couplings over a checkerboard · squeeze: [C, H, W] → [4C, H/2, W/2] · 3 couplings over channels

after which half of the channels are latents and the other half goes to the next scale; the last scale is four couplings
over a checkerboard. The data are the logits of intensities (sec. 4.1). Behind each coupling there is an ActNorm where
the paper has batch normalisation, so that the likelihood of an image does not depend on its batch, and in the residual
networks there is neither.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.checks import require_value
from wavesynth.models.couplings import AffineCoupling, Halves, Partition, checkerboard
from wavesynth.models.flows import STANDARD_NORMAL, Composed, Flow
from wavesynth.models.image_flows import ActNorm, ImageFlow
from wavesynth.models.image_flows_config import COUPLINGS, LAST_COUPLINGS, RealNVPConfig

__all__ = ["ChannelsFirst", "Logit", "MultiScale", "RealNVP", "ResidualNetwork", "Squeeze"]


class ChannelsFirst(Flow):
    """[B, H, W, C] → [B, C, H, W]."""

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """[B, C, H, W] and zeros, [B]."""
        return x.permute(0, 3, 1, 2).contiguous(), x.new_zeros(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """[B, H, W, C]."""
        return z.permute(0, 2, 3, 1)


class Logit(Flow):
    """z = ln p - ln(1 - p), p = alpha + (1 - 2 alpha) x, of x from 0 to 1 (sec. 4.1)."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z, and ln(1 - 2 alpha) - ln p - ln(1 - p) summed over the values, [B]."""
        z = torch.logit(self.alpha + (1 - 2 * self.alpha) * x)
        each = math.log(1 - 2 * self.alpha) + F.softplus(z) + F.softplus(-z)
        return z, each.flatten(1).sum(1)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """x, which of any z may lie a little below 0 or above 1."""
        return (torch.sigmoid(z) - self.alpha) / (1 - 2 * self.alpha)


class Squeeze(Flow):
    """Each 2 × 2 pixels as one of four times the channels: [B, C, H, W] → [B, 4C, H/2, W/2] (fig. 3).

    The channels of a pixel stay side by side, so half of the channels are the upper pixels, whatever the colours.
    """

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Raises ValueError for an odd height or width."""
        batch, channels, height, width = x.shape
        even = height % 2 == 0 and width % 2 == 0
        require_value("height and width", [height, width], even, "even, to be squeezed")
        pairs = x.view(batch, channels, height // 2, 2, width // 2, 2)
        z = pairs.permute(0, 3, 5, 1, 2, 4).reshape(batch, 4 * channels, height // 2, width // 2)
        return z, x.new_zeros(batch)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """[B, C, H, W]."""
        batch, channels, height, width = z.shape
        pairs = z.view(batch, 2, 2, channels // 4, height, width)
        return pairs.permute(0, 3, 4, 1, 5, 2).reshape(batch, channels // 4, 2 * height, 2 * width)


class MultiScale(Flow):
    """Scales one after the other, half of whose channels are latents each: [B, C, H, W] → [B, D] (eq. 14 to 16)."""

    def __init__(self, scales: Iterable[Flow], shape: tuple[int, int, int]) -> None:
        """`shape` is [C, H, W]; every scale but the last squeezes."""
        super().__init__()
        self.scales = nn.ModuleList(scales)
        channels, height, width = shape
        #: Of what leaves at each scale, and at last.
        self.shapes = []
        for _ in range(len(self.scales) - 1):
            channels, height, width = 2 * channels, height // 2, width // 2
            self.shapes.append((channels, height, width))
        self.shapes.append((channels, height, width))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z, what left first in front, and the sum of the log-determinants, [B]."""
        total, left = x.new_zeros(len(x)), []
        for number, scale in enumerate(self.scales, 1):
            x, log_det = scale(x, condition)
            total = total + log_det
            if number < len(self.scales):
                x, leaving = x.chunk(2, 1)
                left.append(leaving.flatten(1))
        return torch.cat([*left, x.flatten(1)], 1), total

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """[B, C, H, W]."""
        flat = z.split([math.prod(shape) for shape in self.shapes], 1)
        *left, x = (part.unflatten(1, shape) for part, shape in zip(flat, self.shapes, strict=True))
        for number, scale in reversed(list(enumerate(self.scales))):
            if number < len(left):
                x = torch.cat((x, left[number]), 1)
            assert isinstance(scale, Flow)
            x = scale.inverse(x, condition)
        return x


class ResidualNetwork(nn.Module):
    """Blocks of two 3 × 3 convolutions with a shortcut around each, told the class first: [B, I, H, W] → [B, O, H, W].

    Its output is zero before it is trained, so that a coupling begins as the identity.
    """

    def __init__(self, inputs: int, outputs: int, features: int, blocks: int, labels: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, features, 3, padding=1)
        self.inner = nn.ModuleList(nn.Conv2d(features, features, 3, padding=1) for _ in range(blocks))
        self.outer = nn.ModuleList(nn.Conv2d(features, features, 3, padding=1) for _ in range(blocks))
        self.last = nn.Conv2d(features, outputs, 1)
        if labels:
            self.label = nn.Embedding(labels, features)
            nn.init.normal_(self.label.weight, std=0.01)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """[B, O, H, W]."""
        x = self.first(x)
        if labels is not None:
            x = x + self.label(labels)[:, :, None, None]
        for inner, outer in zip(self.inner, self.outer, strict=True):
            x = x + outer(F.relu(inner(F.relu(x))))
        x = self.last(F.relu(x))
        return x


class RealNVP(ImageFlow):
    """The whole network, of any colours."""

    def __init__(self, config: RealNVPConfig) -> None:
        c = config
        channels, height, width, features = c.channels, c.height, c.width, c.features

        def coupling(partition: Partition, kept: int, moved: int) -> list[Flow]:
            network = ResidualNetwork(kept, 2 * moved, features, c.blocks, c.labels)
            after = ActNorm(channels)
            return [AffineCoupling(partition, network, moved), after]

        scales: list[Flow] = []
        for scale in range(c.scales):
            last = scale == c.scales - 1
            parts: list[Flow] = []
            for number in range(LAST_COUPLINGS if last else COUPLINGS):
                parts += coupling(checkerboard(height, width, swapped=number % 2 == 1), channels, channels)
            if not last:
                channels, height, width, features = 4 * channels, height // 2, width // 2, 2 * features
                parts.append(Squeeze())
                for number in range(COUPLINGS):
                    parts += coupling(Halves(channels, swapped=number % 2 == 1), channels // 2, channels // 2)
                channels //= 2
            scales.append(Composed(parts))
        multi_scale = MultiScale(scales, (c.channels, c.height, c.width))
        super().__init__(config, Composed([ChannelsFirst(), Logit(c.alpha), multi_scale]), STANDARD_NORMAL)
