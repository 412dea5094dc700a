"""Calibration: the scales of 8-bit activations, from what the network does on real audio."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.models.wavenet import WaveNet, ago, layer
from wavesynth.sampling.int8 import Scales

__all__ = ["calibrate"]

#: How much larger than in calibration a gated activation may become before it is clipped.
_ROOM = 1.15
#: How much larger than in calibration a layer's input of 16 bits may become before it is clipped.
_WIDE_ROOM = 2.0


@torch.inference_mode()
def calibrate(
    model: WaveNet,
    tokens: Tensor,
    conditioning: Tensor,
    keep: int = 20_000,
    alpha: float = 1.0,
    activation_bits: int = 8,
) -> Scales:
    """Scales that round the activations on `tokens` [B, T] (one step late) with the least squared error.

    A layer's input is first balanced between its channels and the weights that read them: each channel is divided by
    (largest activation / largest weight) to the power of `alpha`; 1/2 is that of Xiao et al., "SmoothQuant", 2023,
    eq. 4. Inputs with 16 `activation_bits` have precision to spare, and so room for twice what was seen. Each channel
    of the gated activations has its own range, with some room above what was seen. About `keep` positions are looked
    at; those without a full receptive field are left out when there are others.
    """
    c = model.config
    skipped = min(c.receptive_field, tokens.shape[1] // 2)
    every = max(1, tokens.shape[0] * (tokens.shape[1] - skipped) // keep)

    def seen(x: Tensor) -> Tensor:
        return x[:, skipped:].flatten(0, 1)[::every]

    before = x = model.embedding(tokens)
    input_inverse, gate_inverse, activations = [], [], []
    for index, dilation in enumerate(c.dilations):
        kept = seen(x)
        reads = model.dilated[index].abs().unflatten(1, (2, c.residual)).amax((0, 1))  # [R], past and now
        smoothing = (kept.abs().amax(0).clamp(min=1e-6) / reads.clamp(min=1e-6)) ** alpha
        balanced = kept / smoothing
        scale = _WIDE_ROOM * balanced.abs().max() / 127 if activation_bits == 16 else _scale(balanced, 127)
        input_inverse.append(1 / (smoothing * scale))
        frames = conditioning[:, :, index, None]
        weights = model.dilated[index], model.residual[index], model.residual_bias[index]
        added, z = layer(ago(x, dilation), x, frames, *weights)
        before, x = x, (before if c.reversible else x) + added
        activations.append(seen(z))
        largest = activations[-1].abs().amax(0) * _ROOM
        gate_inverse.append(127 / largest.clamp(min=1 / 16, max=1.0))  # |z| < 1
    skip = F.relu(model.skip(torch.cat(activations, -1)))
    hidden = F.relu(model.hidden(skip))
    return Scales(
        torch.stack(input_inverse).cpu().numpy(),
        torch.stack(gate_inverse).cpu().numpy(),
        np.full(c.skip, 1 / _scale(skip, 255), np.float32),
        np.full(c.classes, 1 / _scale(hidden, 255), np.float32),
    )


def _scale(x: Tensor, levels: int) -> Tensor:
    """The scale that rounds `x` to integers up to `levels` with the least squared error, from 32 tried."""
    largest = x.abs().max().clamp(min=1e-6)
    scales = largest * torch.linspace(0.2, 1, 32) / levels
    errors = [(torch.round(x / scale).clamp(-levels, levels) * scale - x).square().mean() for scale in scales]
    return scales[int(torch.stack(errors).argmin())]
