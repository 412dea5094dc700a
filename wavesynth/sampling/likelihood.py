"""How well a network's weights, in any arithmetic, predict a recording."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.sampling.reference import parallel_activations
from wavesynth.sampling.weights import Weights

__all__ = ["bits_per_sample", "likelihood"]

#: Positions that go through the head at once, whose input is the widest.
POSITIONS_AT_ONCE = 8192


def bits_per_sample(
    weights: Weights, tokens: Tensor, targets: Tensor, conditioning: Tensor, burn_in: int = 0
) -> float:
    """The mean of `likelihood` over a recording, in bits, without its first `burn_in` samples."""
    nats = likelihood(weights, tokens, targets, conditioning)[burn_in:]
    return float(nats.double().mean()) / math.log(2)


@torch.inference_mode()
def likelihood(weights: Weights, tokens: Tensor, targets: Tensor, conditioning: Tensor) -> Tensor:
    """The nats that each sample costs, given all before it (van den Oord et al., 2016, eq. 1): float32 [T].

    `tokens` int64 [T] are the samples one step late (the start token first), `targets` int64 [T] the samples,
    `conditioning` float32 [F, L, 2R] with F · hop >= T. The arithmetic is that of sampling with `weights`, at
    all positions in parallel. Raises ValueError if the lengths do not fit.
    """
    if tokens.shape != targets.shape or tokens.dim() != 1:
        raise ValueError(
            f"tokens and targets have shapes {list(tokens.shape)} and {list(targets.shape)}; both must be [T]"
        )
    if len(conditioning) * weights.hop < len(tokens):
        raise ValueError(
            f"conditioning has {len(conditioning)} frames of {weights.hop} samples; {len(tokens)} need more"
        )
    frame = torch.arange(len(tokens)) // weights.hop
    activations = parallel_activations(weights, tokens, conditioning, frame)
    nats = []
    for start in range(0, len(tokens), POSITIONS_AT_ONCE):
        some = slice(start, start + POSITIONS_AT_ONCE)
        logits = weights.arithmetic.head(torch.cat([z[some] for z in activations], -1))
        nats.append(F.cross_entropy(logits, targets[some], reduction="none"))
    return torch.cat(nats)
