"""Calibration: how many 8-bit steps each activation is worth, from what the network does on real audio."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.models.wavenet import WaveNet, layer
from wavesynth.sampling.int8 import Scales

__all__ = ["calibrate"]

#: How much larger than what was seen a gated activation may become before it is clipped.
_ROOM = 1.15
#: And a layer's input of 16 bits.
_FINE_ROOM = 2.0


@torch.inference_mode()
def calibrate(
    model: WaveNet,
    tokens: Tensor,
    conditioning: Tensor,
    keep: int = 20_000,
    balance: float = 1.0,
    fine: bool = False,
) -> Scales:
    """Gains that round the activations on `tokens` [B, T] (one step late) with the least squared error.

    A layer's input is first balanced between its channels and the weights that read them: each channel is
    scaled by (largest activation / largest weight) to the power of `balance`; 1/2 is that of Xiao et al.,
    "SmoothQuant", 2023, eq. 4. Inputs that are `fine` have steps to spare, and so room for twice what was seen. The
    gated activations have their own range in each channel, with some room above what was seen. About `keep` positions
    are looked at; those without a full receptive field are left out when there are others.
    """
    c = model.config
    skipped = min(c.receptive_field, tokens.shape[1] // 2)
    every = max(1, tokens.shape[0] * (tokens.shape[1] - skipped) // keep)

    def seen(x: Tensor) -> Tensor:
        return x[:, skipped:].flatten(0, 1)[::every]

    x = model.embedding(tokens)
    input_gain, gate_gain, activations = [], [], []
    for index, dilation in enumerate(c.dilations):
        kept = seen(x)
        reads = model.dilated[index].abs().unflatten(1, (2, c.residual)).amax((0, 1))  # [R], past and now
        scale = (kept.abs().amax(0).clamp(min=1e-6) / reads.clamp(min=1e-6)) ** balance
        balanced = kept / scale
        step = _FINE_ROOM * balanced.abs().max() / 127 if fine else _step(balanced, 127)
        input_gain.append(1 / (scale * step))
        past = F.pad(x, (0, 0, dilation, 0))[:, : x.shape[1]]
        frames = conditioning[:, :, index, None]
        x, z = layer(past, x, frames, model.dilated[index], model.residual[index], model.residual_bias[index])
        activations.append(seen(z))
        largest = activations[-1].abs().amax(0) * _ROOM
        gate_gain.append(127 / largest.clamp(min=1 / 16, max=1.0))  # |z| < 1
    skip = F.relu(model.skip(torch.cat(activations, -1)))
    hidden = F.relu(model.hidden(skip))
    return Scales(
        torch.stack(input_gain),
        torch.stack(gate_gain),
        (1 / _step(skip, 255)).expand(c.skip).contiguous(),
        (1 / _step(hidden, 255)).expand(c.classes).contiguous(),
    )


def _step(x: Tensor, levels: int) -> Tensor:
    """The step that rounds `x` to at most `levels` steps of it with the least squared error, from 32 tried."""
    largest = x.abs().max().clamp(min=1e-6)
    steps = largest * torch.linspace(0.2, 1, 32) / levels
    errors = [(torch.round(x / step).clamp(-levels, levels) * step - x).square().mean() for step in steps]
    return steps[int(torch.stack(errors).argmin())]
