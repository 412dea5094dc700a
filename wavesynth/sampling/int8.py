"""8-bit weights and activations: the arithmetic that the fast samplers serve.

This file defines it; a backend that follows it agrees with it to the last bit. Products of integers are
summed exactly; every step between them is a single-precision operation rounded on its own, in the order
written here (so no fused multiply-add), and every rounding is to the nearest even.

    entry      = clamp(round(x · input_gain)) + 128                          uint8, what the queue remembers
    h          = (W_dilated · (past - 128, entry - 128)) · dilated_step + conditioning
    z          = clamp(round(gate(h) · gate_gain)) + 128                     uint8
    x          = x + ((W_residual · (z - 128)) · residual_step + residual_bias)
    s          = clamp(round(relu((W_skip · (z[0] - 128, ...)) · skip_step + skip_bias) · skip_gain))    0..255
    u          = clamp(round(relu((W_hidden · s) · hidden_step + hidden_bias) · hidden_gain))            0..255
    logits     = (W_output · u) · output_step + output_bias

A network that is `fine` has 16 bits for its layers' inputs and gated activations, as two bytes: the one above, and what
it leaves, in 256ths. Quiet sounds that ring, such as a piano's, are lost in the steps of loud ones otherwise. (The skip
product reads the first byte only; the second makes no difference there.)

    fine(v)    = clamp(round((v - clamp(round(v))) · 256))                   of v = x · input_gain, gate(h) · gate_gain
    h          = (W_dilated · (past - 128, entry - 128)
                  + floor((W_dilated · (fine of past, fine of now) + 128) / 256)) · dilated_step + conditioning
    x          = x + ((W_residual · (z - 128) + floor((W_residual · fine + 128) / 256)) · residual_step + residual_bias)

Weights have one step for each row, activations one gain for each channel; the gains come from calibration.
The skip weights of all layers share their rows' steps, so that the sum over layers is one integer sum.
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
    """How many quantisation steps one unit of each activation is worth: the result of calibration."""

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

    input_gain: Tensor
    """[L, R] float32"""
    dilated: Tensor
    """[L, 2R, 2R] int8, columns (past, now)"""
    dilated_step: Tensor
    """[L, 2R] float32"""
    gate_gain: Tensor
    """[L, R] float32"""
    residual: Tensor
    """[L, R, R] int8"""
    residual_step: Tensor
    """[L, R] float32"""
    residual_bias: Tensor
    """[L, R] float32"""
    skip: Tensor
    """[S, L * R] int8"""
    skip_step: Tensor
    """[S] float32"""
    skip_bias: Tensor
    """[S] float32"""
    skip_gain: Tensor
    """[S] float32"""
    hidden: Tensor
    """[A, S] int8"""
    hidden_step: Tensor
    """[A] float32"""
    hidden_bias: Tensor
    """[A] float32"""
    hidden_gain: Tensor
    """[A] float32"""
    output: Tensor
    """[A, A] int16"""
    output_step: Tensor
    """[A] float32"""
    output_bias: Tensor
    """[A] float32"""
    fine: bool = False
    """Whether layers' inputs and gated activations have 16 bits."""

    entry = (np.uint8, 128)

    @classmethod
    def pack(cls, weights: Float32Weights, gains: Scales, fine: bool = False) -> Int8Weights:
        """Rounds `weights` to 8 bits for activations of the given gains, of 16 bits in the layers if `fine`."""
        m = weights.model
        with torch.no_grad():
            dilated, dilated_step = _rows(m.dilated / torch.cat([gains.input, gains.input], 1)[:, None])
            residual, residual_step = _rows(m.residual / gains.gate[:, None])
            skip, skip_step = _rows(m.skip.weight / gains.gate.flatten())
            hidden, hidden_step = _rows(m.hidden.weight / gains.skip)
            output, output_step = _rows(m.output.weight / gains.hidden, bits=13)
        return cls(
            weights.dilations, weights.hop, weights.embedding,
            gains.input, dilated, dilated_step,
            gains.gate, residual, residual_step, m.residual_bias.detach(),
            skip, skip_step, m.skip.bias.detach(),
            gains.skip, hidden, hidden_step, m.hidden.bias.detach(),
            gains.hidden, output, output_step, m.output.bias.detach(), fine,
        )  # fmt: skip

    @property
    @override
    def entry_width(self) -> int:
        return self.residual_channels * (2 if self.fine else 1)

    @override
    def enter(self, index: int, x: Tensor) -> Tensor:
        return entries(x, self.input_gain[index], self.fine)

    @override
    def layer(
        self, index: int, past: Tensor, entry: Tensor, x: Tensor, conditioning: Tensor
    ) -> tuple[Tensor, Tensor]:
        inputs = torch.stack([past, entry], -2).split(self.residual_channels, -1)  # one or two of [..., 2, R]
        dilated = _sums_of_parts([part.flatten(-2) for part in inputs], self.dilated[index])
        h = dilated * self.dilated_step[index] + conditioning
        z = entries(approximate_gate(h), self.gate_gain[index], self.fine).split(self.residual_channels, -1)
        y = _sums_of_parts(z, self.residual[index]) * self.residual_step[index]
        return x + (y + self.residual_bias[index]), z[0]

    @override
    def head(self, activations: Tensor) -> Tensor:
        skip = _product(activations.to(torch.int32) - 128, self.skip, self.skip_step) + self.skip_bias
        hidden = _product(_unsigned(skip * self.skip_gain), self.hidden, self.hidden_step) + self.hidden_bias
        return (
            _product(_unsigned(hidden * self.hidden_gain), self.output, self.output_step) + self.output_bias
        )


def entries(x: Tensor, gain: Tensor, fine: bool) -> Tensor:
    """The bytes of activations `x` [..., R], such as a queue remembers: uint8 [..., R], or if `fine` [..., 2R]."""
    steps = x * gain
    if not fine:
        return _signed(steps)
    return torch.cat([_signed(steps), _signed((steps - torch.round(steps).clamp(-128, 127)) * 256)], -1)


def values(entries: Tensor, gain: Tensor, fine: bool) -> Tensor:
    """The layer's input that is nearest to `entries`: float32 [..., R]."""
    steps = entries.float() - 128
    if fine:
        coarse, rest = steps.chunk(2, -1)
        steps = coarse + rest / 256
    return steps / gain


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
    """Rows [..., out, in] rounded to whole numbers of `bits` bits and a sign, and each row's step [..., out]."""
    largest = 2**bits - 1
    step = weights.abs().amax(-1).clamp(min=1e-20) / largest
    whole = torch.round(weights / step[..., None]).clamp(-largest, largest)
    return whole.to(torch.int8 if bits == 7 else torch.int16), step


def _signed(x: Tensor) -> Tensor:
    return (torch.round(x).clamp(-128, 127) + 128).to(torch.uint8)


def _unsigned(x: Tensor) -> Tensor:
    return torch.round(x).clamp(0, 255).to(torch.int32)


def _sums(x: Tensor, weights: Tensor) -> Tensor:
    return F.linear(x.to(torch.float64), weights.to(torch.float64))  # which holds them exactly


def _sums_of_parts(parts: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Sums over bytes that stand 128 above zero, of which a second part counts 256ths: float32."""
    coarse, *fine = (_sums(part.to(torch.int32) - 128, weights) for part in parts)
    for sums in fine:
        coarse += torch.floor((sums + 128) / 256)
    return coarse.to(torch.float32)


def _product(x: Tensor, weights: Tensor, step: Tensor) -> Tensor:
    return (
        _sums(x, weights).to(torch.float32) * step
    )  # the rounding to single precision is the one a backend makes
