"""From logits to a sample's class: the same bits on every backend.

The softmax's weights are rounded to whole numbers, so their sum does not depend on the order of addition;
and e^x is computed from single-precision products and sums, each rounded on its own (no fused multiply-add),
so that a C++, a Triton and this PyTorch program agree to the last bit. PyTorch is imported when something is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wavesynth.sampling.philox import philox

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EXP2", "TEMPERATURES", "WEIGHT_BITS", "choose", "draw", "inverse_temperature", "softmax_weights"]

#: 2^f on [-1/2, 1/2] as a polynomial, lowest power first; relative error 4e-6.
EXP2 = (
    1.0000001192092896,
    0.6931210160255432,
    0.2402210682630539,
    0.055922120809555054,
    0.009676046669483185,
)
#: The most likely class has weight 2^21: 1,024 classes still sum within 32 bits.
WEIGHT_BITS = 21
#: Lowest and highest temperature.
TEMPERATURES = (0.1, 2.0)


def inverse_temperature(temperature: float) -> float:
    """log2(e) / temperature, single precision: what logits are multiplied by before 2^x."""
    low, high = TEMPERATURES
    if not low <= temperature <= high:
        raise ValueError(f"temperature is {temperature}; it must be from {low} to {high}")
    return float(np.float32(np.log2(np.e) / temperature))


def softmax_weights(logits: Tensor, inverse: float | Tensor) -> Tensor:
    """Softmax numerators of `logits` [..., A] as whole numbers, the largest about 2^WEIGHT_BITS: int64."""
    import torch

    # A Python number counts in single precision, as the tensor that it meets does.
    scaled = (logits - logits.amax(-1, keepdim=True)) * inverse
    scaled = scaled.clamp(min=-30.0)
    whole = torch.round(scaled)
    fraction = scaled - whole
    power = torch.full_like(fraction, EXP2[-1])
    for coefficient in reversed(EXP2[:-1]):
        power = power * fraction + coefficient
    return torch.round(torch.ldexp(power, whole + WEIGHT_BITS)).to(torch.int64)


def draw(logits: Tensor, seed: int, index: int, inverse: float) -> int:
    """The class of sample `index`: the first whose cumulated weight exceeds a random share of the total."""
    import torch

    return int(choose(logits, torch.tensor(philox(seed, index)), inverse))


def choose(logits: Tensor, words: Tensor, inverse: float | Tensor) -> Tensor:
    """The classes, int64 [...], that random `words` (int64 [...], 32 bits each) draw from `logits` [..., A]."""
    import torch

    cumulated = softmax_weights(logits, inverse).cumsum(-1)
    threshold = words[..., None] * cumulated[..., -1:] >> 32  # below 2^63
    return torch.searchsorted(cumulated, threshold, right=True)[..., 0]
