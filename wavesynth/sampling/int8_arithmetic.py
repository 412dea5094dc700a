"""The arithmetic of `wavesynth.sampling.int8` in PyTorch: what every fast sampler agrees with to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from wavesynth.sampling.arithmetic import Arithmetic
from wavesynth.sampling.int8 import GATE, Int8Weights

__all__ = ["Int8Arithmetic", "approximate_gate", "entries", "values"]


class Int8Arithmetic(Arithmetic):
    """The operations on such weights, whose arrays are tensors in `weights`."""

    def __init__(self, weights: Int8Weights) -> None:
        named = {field.name: getattr(weights, field.name) for field in fields(weights)}
        self.weights = SimpleNamespace(
            **{n: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for n, v in named.items()},
            residual_channels=weights.residual_channels,
        )
        self.embedding = self.weights.embedding

    @override
    def enter(self, index: int, x: Tensor) -> Tensor:
        w = self.weights
        return entries(x, w.input_inverse_scale[index], w.activation_bits)

    @override
    def layer(
        self, index: int, past: Tensor, entry: Tensor, x: Tensor, conditioning: Tensor
    ) -> tuple[Tensor, Tensor]:
        w = self.weights
        inputs = torch.stack([past, entry], -2).split(w.residual_channels, -1)  # one or two of [..., 2, R]
        dilated = _sums_of_parts([part.flatten(-2) for part in inputs], w.dilated[index])
        h = dilated * w.dilated_scale[index] + conditioning
        z = entries(approximate_gate(h), w.gate_inverse_scale[index], w.activation_bits).split(
            w.residual_channels, -1
        )
        y = _sums_of_parts(z, w.residual[index]) * w.residual_scale[index]
        return x + (y + w.residual_bias[index]), z[0]

    @override
    def head(self, activations: Tensor) -> Tensor:
        w = self.weights
        skip = _product(activations.to(torch.int32) - 128, w.skip, w.skip_scale) + w.skip_bias
        hidden = _product(_unsigned(skip * w.skip_inverse_scale), w.hidden, w.hidden_scale) + w.hidden_bias
        return _product(_unsigned(hidden * w.hidden_inverse_scale), w.output, w.output_scale) + w.output_bias


def entries(x: Tensor, inverse_scale: Tensor, activation_bits: int) -> Tensor:
    """The bytes of activations `x` [..., R], such as a queue remembers: uint8 [..., R], or [..., 2R] for 16 bits."""
    scaled = x * inverse_scale
    if activation_bits == 8:
        return _signed(scaled)
    return torch.cat([_signed(scaled), _signed((scaled - torch.round(scaled).clamp(-128, 127)) * 256)], -1)


def values(entries: Tensor, inverse_scale: Tensor, activation_bits: int) -> Tensor:
    """The layer's input that is nearest to `entries`: float32 [..., R]."""
    scaled = entries.float() - 128
    if activation_bits == 16:
        high, low = scaled.chunk(2, -1)
        scaled = high + low / 256
    return scaled / inverse_scale


def approximate_gate(h: Tensor) -> Tensor:
    """tanh(h[..., :R]) · σ(h[..., R:]) within 1e-4, as one quotient of polynomials (σ(v) = (1 + tanh(v/2)) / 2)."""
    n0, n1, d0, d1, d2, limit = (torch.tensor(value, dtype=torch.float32) for value in GATE)
    a, b = h.chunk(2, -1)
    a, b = a.clamp(-limit, limit), (b * 0.5).clamp(-limit, limit)
    s, t = a * a, b * b
    numerator_a, denominator_a = ((s + n0) * s + n1) * a, (d0 * s + d1) * s + d2
    numerator_b, denominator_b = ((t + n0) * t + n1) * b, (d0 * t + d1) * t + d2
    return (numerator_a * (denominator_b + numerator_b)) / (denominator_a * (denominator_b + denominator_b))


def _signed(x: Tensor) -> Tensor:
    return (torch.round(x).clamp(-128, 127) + 128).to(torch.uint8)


def _unsigned(x: Tensor) -> Tensor:
    return torch.round(x).clamp(0, 255).to(torch.int32)


def _sums(x: Tensor, weights: Tensor) -> Tensor:
    return F.linear(x.to(torch.float64), weights.to(torch.float64))  # which holds them exactly


def _sums_of_parts(parts: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Sums over high bytes, and over low bytes if there are any, whose zero is 128: float32."""
    high, *low = (_sums(part.to(torch.int32) - 128, weights) for part in parts)
    for sums in low:
        high += torch.floor((sums + 128) / 256)
    return high.to(torch.float32)


def _product(x: Tensor, weights: Tensor, scale: Tensor) -> Tensor:
    return (
        _sums(x, weights).to(torch.float32) * scale
    )  # the rounding to single precision is the one a backend makes
