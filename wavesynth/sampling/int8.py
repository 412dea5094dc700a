"""8-bit weights and activations: the arithmetic that the fast samplers serve.

`int8_arithmetic` is this in PyTorch; a backend that follows it agrees with it to the last bit. Products of integers are
summed exactly; every step between them is a single-precision operation rounded on its own, in the order
written here (so no fused multiply-add), and every rounding is to the nearest even.

    entry      = clamp(round(x · input_inverse_scale)) + 128                          uint8, what the queue remembers
    h          = (W_dilated · (past - 128, entry - 128)) · dilated_scale + conditioning
    z          = clamp(round(gate(h) · gate_inverse_scale)) + 128                     uint8
    x          = x + ((W_residual · (z - 128)) · residual_scale + residual_bias)
    s          = clamp(round(relu((W_skip · (z[0] - 128, ...)) · skip_scale + skip_bias) · skip_inverse_scale))  0..255
    u          = clamp(round(relu((W_hidden · s) · hidden_scale + hidden_bias) · hidden_inverse_scale))          0..255
    logits     = (W_output · u) · output_scale + output_bias

In a reversible network (wavesynth.models.wavenet) x[l+1] = x[l-1] + ..., x[-1] being x[0]; all else is the same.

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
The output weights have 14 bits, in two 8-bit matrices: their few large values decide the tails
of the distribution, and rounding them to 8 bits costs more likelihood than all the rest together. (14, not 16:
the sum over 1,024 channels then still fits 32 bits.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.networks import Network
from wavesynth.sampling.weights import Weights

if TYPE_CHECKING:
    from wavesynth.sampling.int8_arithmetic import Int8Arithmetic

__all__ = ["GATE", "Int8Weights", "Scales"]

#: tanh(a) = a (s² + G0 s + G1) / (G2 s² + G3 s + G4), s = a², |a| clamped to G5; absolute error below 1e-4.
GATE = (155.3146209716797, 1526.5433349609375, 19.298025131225586, 663.4156494140625, 1526.833251953125, 5.0)


@dataclass(frozen=True, eq=False)
class Scales:
    """The inverse scales of activations: each is multiplied by its own, then rounded. `calibrate` gives them."""

    input: NDArray[np.float32]
    """[L, R]"""
    gate: NDArray[np.float32]
    """[L, R]"""
    skip: NDArray[np.float32]
    """[S]"""
    hidden: NDArray[np.float32]
    """[A]"""


@dataclass(frozen=True, eq=False)
class Int8Weights(Weights):
    """Weights and activations of 8 bits; see the module's text for the meaning of each."""

    input_inverse_scale: NDArray[np.float32]
    """[L, R]"""
    dilated: NDArray[np.int8]
    """[L, 2R, 2R] columns (past, now)"""
    dilated_scale: NDArray[np.float32]
    """[L, 2R]"""
    gate_inverse_scale: NDArray[np.float32]
    """[L, R]"""
    residual: NDArray[np.int8]
    """[L, R, R]"""
    residual_scale: NDArray[np.float32]
    """[L, R]"""
    residual_bias: NDArray[np.float32]
    """[L, R]"""
    skip: NDArray[np.int8]
    """[S, L * R]"""
    skip_scale: NDArray[np.float32]
    """[S]"""
    skip_bias: NDArray[np.float32]
    """[S]"""
    skip_inverse_scale: NDArray[np.float32]
    """[S]"""
    hidden: NDArray[np.int8]
    """[A, S]"""
    hidden_scale: NDArray[np.float32]
    """[A]"""
    hidden_bias: NDArray[np.float32]
    """[A]"""
    hidden_inverse_scale: NDArray[np.float32]
    """[A]"""
    output: NDArray[np.int16]
    """[A, A]"""
    output_scale: NDArray[np.float32]
    """[A]"""
    output_bias: NDArray[np.float32]
    """[A]"""
    activation_bits: int = 8
    """Bits of the layers' inputs and gated activations: 8 or 16."""
    reversible: bool = False
    """Whether a layer's residual is added to the input of the layer before it, and not to its own."""

    entry = (np.uint8, 128)

    @classmethod
    def pack(cls, network: Network, scales: Scales, activation_bits: int = 8) -> Int8Weights:
        """Rounds a WaveNet's weights to 8 bits for activations with `scales`, of 8 or 16 bits in the layers.

        Raises ValueError for other `activation_bits`.
        """
        if type(activation_bits) is not int or activation_bits not in (8, 16):
            raise ValueError(f"activation_bits is {activation_bits}; it must be 8 or 16")
        w, c = network.weights, network.config
        inputs = np.concatenate([scales.input, scales.input], 1)
        dilated, dilated_scale = _rows(w["dilated"] / inputs[:, None])
        residual, residual_scale = _rows(w["residual"] / scales.gate[:, None])
        skip, skip_scale = _rows(w["skip.weight"] / scales.gate.reshape(-1))
        hidden, hidden_scale = _rows(w["hidden.weight"] / scales.skip)
        output, output_scale = _rows(w["output.weight"] / scales.hidden, bits=13)
        return cls(
            c.dilations, c.hop, w["embedding.weight"],
            scales.input, dilated, dilated_scale,
            scales.gate, residual, residual_scale, w["residual_bias"],
            skip, skip_scale, w["skip.bias"],
            scales.skip, hidden, hidden_scale, w["hidden.bias"],
            scales.hidden, output, output_scale, w["output.bias"], activation_bits, c.reversible,
        )  # fmt: skip

    @property
    def entry_width(self) -> int:
        """Bytes of a queue's entry."""
        return self.residual_channels * (self.activation_bits // 8)

    @cached_property
    def arithmetic(self) -> Int8Arithmetic:
        """The definition."""
        from wavesynth.sampling.int8_arithmetic import Int8Arithmetic

        return Int8Arithmetic(self)


def _rows(weights: NDArray[np.float32], bits: int = 7) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Rows [..., out, in] rounded to integers of `bits` bits and a sign, and each row's scale [..., out]."""
    largest = np.float32(2**bits - 1)
    scale = np.maximum(np.abs(weights).max(-1), np.float32(1e-20)) / largest
    whole = np.rint(weights / scale[..., None]).clip(-largest, largest)
    return whole.astype(np.int8 if bits == 7 else np.int16), scale
