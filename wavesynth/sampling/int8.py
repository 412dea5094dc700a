"""8-bit weights and activations: the arithmetic that the fast samplers serve.

This file defines it; a backend that follows it agrees with it to the last bit. Products of integers are
summed exactly; every step between them is a single-precision operation rounded on its own, in the order
written here (so no fused multiply-add), and every rounding is to the nearest even.

    entry      = clamp(round(x · input_inverse_scale)) + 128                          uint8, what the queue remembers
    h          = (W_dilated · (past - 128, entry - 128)) · dilated_scale + conditioning
    z          = clamp(round(gate(h) · gate_inverse_scale)) + 128                     uint8
    x          = x + ((W_residual · (z - 128)) · residual_scale + residual_bias)
    s          = clamp(round(relu((W_skip · (z[0] - 128, ...)) · skip_scale + skip_bias) · skip_inverse_scale))  0..255
    u          = clamp(round(relu((W_hidden · s) · hidden_scale + hidden_bias) · hidden_inverse_scale))          0..255
    logits     = (W_output · u) · output_scale + output_bias

With `activation_bits` = 16 the layers' inputs and gated activations have two bytes: the high byte, as above, and a low
byte for what it leaves, in 256ths. Without it the quantisation error of loud sounds hides quiet ones that ring, such as
a piano's. (The skip product reads the high byte only; the low byte makes no difference there.)

    low(v)     = clamp(round((v - clamp(round(v))) · 256))   v = x · input_inverse_scale or gate(h) · gate_inverse_scale
    h          = (W_dilated · (past - 128, entry - 128)
                  + floor((W_dilated · (low of past, low of now) + 128) / 256)) · dilated_scale + conditioning
    x          = x + ((W_residual · (z - 128) + floor((W_residual · low + 128) / 256)) · residual_scale + residual_bias)

A weight is its integer times its row's scale. An activation is multiplied by its channel's inverse scale and rounded;
these scales come from calibration.
The skip weights of all layers share their rows' scales, so that the sum over layers is one integer sum.
The output weights have 14 bits, 256 · high + low in two 8-bit matrices: their few large values decide the tails
of the distribution, and rounding them to 8 bits costs more likelihood than all the rest together. (14, not 16:
the sum over 1,024 channels then still fits 32 bits.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from wavesynth.sampling.weights import Float32Weights, Weights

__all__ = ["GATE", "Int8Weights", "Scales", "approximate_gate", "entries", "values"]

#: tanh(a) = a (s² + G0 s + G1) / (G2 s² + G3 s + G4), s = a², |a| clamped to G5; absolute error below 1e-4.
GATE = (155.3146209716797, 1526.5433349609375, 19.298025131225586, 663.4156494140625, 1526.833251953125, 5.0)


@dataclass(frozen=True)
class Scales:
    """The inverse scales of activations: each is multiplied by its own, then rounded. `calibrate` gives them."""

    input: Tensor
    """[L, R]"""
    gate: Tensor
    """[L, R]"""
    skip: Tensor
    """[S]"""
    hidden: Tensor
    """[A]"""


@dataclass(frozen=True)
class Int8Weights(Weights):
    """Weights and activations of 8 bits; see the module's text for the meaning of each."""

    input_inverse_scale: Tensor
    """[L, R] float32"""
    dilated: Tensor
    """[L, 2R, 2R] int8, columns (past, now)"""
    dilated_scale: Tensor
    """[L, 2R] float32"""
    gate_inverse_scale: Tensor
    """[L, R] float32"""
    residual: Tensor
    """[L, R, R] int8"""
    residual_scale: Tensor
    """[L, R] float32"""
    residual_bias: Tensor
    """[L, R] float32"""
    skip: Tensor
    """[S, L * R] int8"""
    skip_scale: Tensor
    """[S] float32"""
    skip_bias: Tensor
    """[S] float32"""
    skip_inverse_scale: Tensor
    """[S] float32"""
    hidden: Tensor
    """[A, S] int8"""
    hidden_scale: Tensor
    """[A] float32"""
    hidden_bias: Tensor
    """[A] float32"""
    hidden_inverse_scale: Tensor
    """[A] float32"""
    output: Tensor
    """[A, A] int16"""
    output_scale: Tensor
    """[A] float32"""
    output_bias: Tensor
    """[A] float32"""
    activation_bits: int = 8
    """Bits of the layers' inputs and gated activations: 8 or 16."""

    entry = (np.uint8, 128)

    @classmethod
    def pack(cls, weights: Float32Weights, scales: Scales, activation_bits: int = 8) -> Int8Weights:
        """Rounds `weights` to 8 bits for activations with `scales`, of 8 or 16 bits in the layers.

        Raises ValueError for other `activation_bits`.
        """
        if type(activation_bits) is not int or activation_bits not in (8, 16):
            raise ValueError(f"activation_bits is {activation_bits}; it must be 8 or 16")
        m = weights.model
        with torch.no_grad():
            dilated, dilated_scale = _rows(m.dilated / torch.cat([scales.input, scales.input], 1)[:, None])
            residual, residual_scale = _rows(m.residual / scales.gate[:, None])
            skip, skip_scale = _rows(m.skip.weight / scales.gate.flatten())
            hidden, hidden_scale = _rows(m.hidden.weight / scales.skip)
            output, output_scale = _rows(m.output.weight / scales.hidden, bits=13)
        return cls(
            weights.dilations, weights.hop, weights.embedding,
            scales.input, dilated, dilated_scale,
            scales.gate, residual, residual_scale, m.residual_bias.detach(),
            skip, skip_scale, m.skip.bias.detach(),
            scales.skip, hidden, hidden_scale, m.hidden.bias.detach(),
            scales.hidden, output, output_scale, m.output.bias.detach(), activation_bits,
        )  # fmt: skip

    @property
    @override
    def entry_width(self) -> int:
        return self.residual_channels * (self.activation_bits // 8)

    @override
    def enter(self, index: int, x: Tensor) -> Tensor:
        return entries(x, self.input_inverse_scale[index], self.activation_bits)

    @override
    def layer(
        self, index: int, past: Tensor, entry: Tensor, x: Tensor, conditioning: Tensor
    ) -> tuple[Tensor, Tensor]:
        inputs = torch.stack([past, entry], -2).split(self.residual_channels, -1)  # one or two of [..., 2, R]
        dilated = _sums_of_parts([part.flatten(-2) for part in inputs], self.dilated[index])
        h = dilated * self.dilated_scale[index] + conditioning
        z = entries(approximate_gate(h), self.gate_inverse_scale[index], self.activation_bits).split(
            self.residual_channels, -1
        )
        y = _sums_of_parts(z, self.residual[index]) * self.residual_scale[index]
        return x + (y + self.residual_bias[index]), z[0]

    @override
    def head(self, activations: Tensor) -> Tensor:
        skip = _product(activations.to(torch.int32) - 128, self.skip, self.skip_scale) + self.skip_bias
        hidden = (
            _product(_unsigned(skip * self.skip_inverse_scale), self.hidden, self.hidden_scale)
            + self.hidden_bias
        )
        return (
            _product(_unsigned(hidden * self.hidden_inverse_scale), self.output, self.output_scale)
            + self.output_bias
        )


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


def _rows(weights: Tensor, bits: int = 7) -> tuple[Tensor, Tensor]:
    """Rows [..., out, in] rounded to integers of `bits` bits and a sign, and each row's scale [..., out]."""
    largest = 2**bits - 1
    scale = weights.abs().amax(-1).clamp(min=1e-20) / largest
    whole = torch.round(weights / scale[..., None]).clamp(-largest, largest)
    return whole.to(torch.int8 if bits == 7 else torch.int16), scale


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
