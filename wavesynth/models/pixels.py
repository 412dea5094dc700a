"""What all models of images share: their shape, the raster order as masks, and the distribution of one value.

An image is [H, W, C] whole numbers below `levels`. Its probability is the product over its values in raster
order, and within a pixel red before green before blue (van den Oord et al., "Pixel Recurrent Neural Networks",
2016, eq. 1 and 2). The features of every layer are in C groups, one a channel: those of group g may depend on
the channels before g of their own pixel and on all of the pixels before it.
"""

from __future__ import annotations

import copy
import math
from typing import Protocol, Self, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.pixels_config import VARIANTS, ImageModelConfig, Variant, renamed

__all__ = [
    "VARIANTS",
    "Head",
    "ImageModelConfig",
    "MaskedLinear",
    "PixelModel",
    "Variant",
    "causal_mask",
    "convolve",
    "intensities",
    "nearest",
    "renamed",
    "uniform",
]

#: Mean of a component, in half ranges, from which on the difference of its two ends drowns in float32's rounding.
_FAR = 100.0
#: Logarithm of a component's scale above which that difference is too small for a float32.
_WIDE = 20.0


class Head:
    """The distribution of one value, from the parameters that a network gives for it.

    A softmax over all levels (2016a, sec. 3.4), or a mixture of logistic distributions, each level having the
    mass of its interval and the first and the last also the tail (Salimans et al., "PixelCNN++", 2017, eq. 2).
    The channels of a pixel depend on each other through the network's masks in either case.
    """

    def __init__(self, levels: int, mixture: int = 0) -> None:
        self.levels, self.mixture = levels, mixture

    @property
    def size(self) -> int:
        """Parameters that the network gives for each value, P."""
        return 3 * self.mixture or self.levels

    def nll(self, params: Tensor, values: Tensor) -> Tensor:
        """Nats, -ln p of `values` [...] under `params` [..., P], in float32: [...]."""
        if self.mixture:
            return -self._log_mixture(params.float(), values)
        flat = F.cross_entropy(params.flatten(0, -2).float(), values.flatten(), reduction="none")
        return flat.view(values.shape)

    def logits(self, params: Tensor) -> Tensor:
        """Unnormalised ln p of every level, float32: [..., P] → [..., levels]."""
        if not self.mixture:
            return params.float()
        levels = torch.arange(self.levels, device=params.device)
        return self._log_mixture(params.float().unsqueeze(-2), levels)

    def _log_mixture(self, params: Tensor, values: Tensor) -> Tensor:
        weights, means, log_scales = params.unflatten(-1, (3, self.mixture)).unbind(-2)
        # The means' unit is half the range of the values, -1 to 1; so is the scales'.
        half = 1 / (self.levels - 1)
        centred = (values * (2 * half) - 1).unsqueeze(-1) - means
        log_scales = log_scales.clamp(min=-7.0)
        inverse = torch.exp(-log_scales)
        upper, lower = (centred + half) * inverse, (centred - half) * inverse
        # Far from the values' range u - l drowns in rounding; and of a very wide component 1 - e^(l - u) is u - l,
        # whose logarithm is known while u - l itself is too small for a float.
        width = torch.where(means.abs() < _FAR, upper - lower, 2 * half * inverse)
        wide = log_scales > _WIDE
        log_mass = torch.where(
            wide, math.log(2 * half) - log_scales, torch.log(-torch.expm1(-width.masked_fill(wide, 1.0)))
        )
        first, last = (values == 0).unsqueeze(-1), (values == self.levels - 1).unsqueeze(-1)
        # ln(σ(u) - σ(l)) = ln σ(u) + ln σ(-l) + ln(1 - e^(l - u)), which does not cancel far from the mean.
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + log_mass
        each = torch.where(first, F.logsigmoid(upper), torch.where(last, F.logsigmoid(-lower), inside))
        return torch.logsumexp(each + F.log_softmax(weights, -1), -1)


def causal_mask(inputs: int, outputs: int, channels: int, strict: bool) -> Tensor:
    """The mask of one pixel's own product: 1 where an output may use an input, [outputs, inputs] (2016a, fig. 4).

    Inputs and outputs are in `channels` groups of equal size. Mask A (`strict`) lets through groups before the
    output's, mask B also its own.
    """
    source = torch.arange(inputs) * channels // inputs
    target = (torch.arange(outputs) * channels // outputs)[:, None]
    return (source < target if strict else source <= target).float()


def uniform(*shape: int) -> nn.Parameter:
    """A weight [outputs, ...], uniform within 1/√fan-in."""
    return nn.Parameter(torch.empty(*shape).uniform_(-1, 1) * math.prod(shape[1:]) ** -0.5)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, pad: tuple[int, int, int, int]) -> Tensor:
    """[B, H, W, I] → [B, H', W', O]: `weight` [O, I, rows, columns] over `x` with zeros around it.

    `pad` is (left, right, top, bottom); a negative one crops.
    """
    padded = F.pad(x, (0, 0, *pad)).permute(0, 3, 1, 2)  # a view: channels last in memory
    return F.conv2d(padded, weight, bias).permute(0, 2, 3, 1)


def intensities(values: Tensor, levels: int) -> Tensor:
    """Whole numbers below `levels` as intensities from 0 to 255, uint8."""
    return (values * 255 / (levels - 1)).round().to(torch.uint8)


def nearest(image: Tensor, levels: int) -> Tensor:
    """Intensities, uint8, as whole numbers below `levels`, int64: equal steps."""
    return image.long() * levels // 256


class MaskedLinear(nn.Module):
    """A product with one pixel's features that keeps the order of channels (mask B): [..., I] → [..., O]."""

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, channels: int, blocks: tuple[int, int] = (1, 1)) -> None:
        """`blocks` says of how many grouped vectors the input and the output are the concatenation."""
        super().__init__()
        self.weight = uniform(outputs, inputs)
        self.bias = nn.Parameter(torch.zeros(outputs))
        one = causal_mask(inputs // blocks[0], outputs // blocks[1], channels, strict=False)
        self.register_buffer("mask", one.repeat(blocks[1], blocks[0]), persistent=False)
        self._masked = channels > 1

    def bake(self) -> None:
        """Multiplies the mask into the weight once and for all."""
        self.weight.mul_(self.mask)
        self._masked = False

    def forward(self, x: Tensor) -> Tensor:
        """[..., O]."""
        return F.linear(x, self.weight * self.mask if self._masked else self.weight, self.bias)


@runtime_checkable
class Baked(Protocol):
    """A module whose mask can be multiplied into its weight."""

    def bake(self) -> None:
        """Does it, in place."""


class PixelModel(nn.Module):
    """What the four networks are to their users. A network says what `features` are and ends with `output`."""

    def __init__(self, config: ImageModelConfig) -> None:
        super().__init__()
        self.config = config
        self.head = Head(config.levels, config.mixture)

    def forward(self, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """The parameters of the distribution of every value given those before it: [B, H, W, C, P].

        `pixels` are whole numbers below `levels`, [B, H, W, C]; `labels` [B] if the network has labels.
        """
        c = self.config
        if tuple(pixels.shape[1:]) != c.shape:
            raise ValueError(
                f"pixels has shape {list(pixels.shape)}; it must be [B, {', '.join(map(str, c.shape))}]"
            )
        if bool(c.labels) != (labels is not None):
            state = "missing" if labels is None else "given"
            raise ValueError(f"label is {state}, but the model has {c.labels} labels")
        return self.params(self.scaled(pixels), labels)

    def nll(self, pixels: Tensor, labels: Tensor | None = None) -> Tensor:
        """Nats, -ln p of every value given those before it: [B, H, W, C]."""
        return self.head.nll(self(pixels, labels), pixels)

    @torch.no_grad()
    def baked(self) -> Self:
        """A copy to sample with, whose masks are in its weights."""
        model = copy.deepcopy(self).requires_grad_(False)
        for module in model.modules():
            if isinstance(module, Baked):
                module.bake()
        return model

    def scaled(self, pixels: Tensor) -> Tensor:
        """Levels from -1 to 1; beyond the image's edges the networks see 0."""
        return pixels.float() * (2 / (self.config.levels - 1)) - 1

    def params(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """`forward` of pixels that are `scaled`."""
        return self.output(self.features(x, labels))

    def output(self, features: Tensor) -> Tensor:
        """The last products, at any number of pixels: [..., features] → [..., C, P]."""
        c = self.config
        hidden = F.relu(self.hidden(F.relu(self.skip(features))))
        return self.last(hidden).unflatten(-1, (c.channels, self.head.size))

    def features(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """What the output is made from, [B, H, W, blocks · F]."""
        raise NotImplementedError

    def _ends(self, blocks: int) -> None:
        """Makes the output's products, from `blocks` concatenated feature vectors."""
        c = self.config
        self.skip = MaskedLinear(blocks * c.features, c.hidden, c.channels, (blocks, 1))
        self.hidden = MaskedLinear(c.hidden, c.hidden, c.channels)
        self.last = MaskedLinear(c.hidden, c.channels * self.head.size, c.channels)
