"""What the kernel computes, in plain PyTorch: the same signature, the same arithmetic, one sample after the other.

Factors are half precision, their products and sums are not: a block of 64 products is summed in double precision and
rounded to single once, which no order of addition changes. Steps between products are single precision, each rounded
on its own.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from wavesynth.kernels.triton.draw import GATE
from wavesynth.kernels.triton.network import PackedNetwork
from wavesynth.kernels.triton.streams import Streams

__all__ = ["Draw", "advance", "gate", "linear"]

#: (logits [A], seed, index, log2(e) / temperature) to a class.
Draw = Callable[[Tensor, int, int, float], int]


def advance(
    network: PackedNetwork,
    streams: Streams,
    conditioning: Tensor,
    slots: Tensor,
    n: int,
    forced: Tensor | None = None,
    logits: Tensor | None = None,
    *,
    draw: Draw,
) -> Tensor:
    """Draws the next `n` samples of the streams in `slots` [C] (-1: none), int32 [C, n]; `streams` moves on in place.

    `conditioning` [C, F, L, 2R] float16 begins with the frame of each stream's next sample
    (`PackedNetwork.conditioning` makes it). With `forced` [C, n] the samples before each are those, whatever is drawn,
    and `logits` [C, n, A] is filled. `draw` is the one definition of the draw, which the kernel has inside. A class of
    -1 says that logits were not finite; rows of absent streams are -1.
    """
    drawn = torch.full((len(slots), n), -1, dtype=torch.int32)
    for column, slot in enumerate(slots.tolist()):
        for t in range(n if slot >= 0 else 0):
            index = int(streams.indices[slot])
            token = int(streams.tokens[slot]) if forced is None else int(forced[column, t])
            first = (index - t) // network.hop
            row = _step(
                network,
                streams.queues[slot],
                token,
                index,
                conditioning[column, index // network.hop - first],
            )
            if logits is not None:
                logits[column, t] = row
            if torch.isfinite(row).all():
                seed = int(streams.seeds[slot]) % 2**64
                drawn[column, t] = draw(row, seed, index, float(streams.inverses[slot]))
            streams.tokens[slot] = drawn[column, t].clamp(min=0)
            streams.indices[slot] = index + 1
    return drawn


def _step(network: PackedNetwork, queue: Tensor, token: int, index: int, conditioning: Tensor) -> Tensor:
    """Logits [A] of sample `index`; the stream's `queue` [rows, R] moves on in place."""
    before = x = network.embedding[token].float()
    r, top, activations = network.residual_channels, 0, []
    for layer, dilation in enumerate(network.dilations):
        row, wide, narrow = (
            top + index % dilation,
            slice(layer * 2 * r, (layer + 1) * 2 * r),
            slice(layer * r, (layer + 1) * r),
        )
        past, entry = queue[row].clone(), x.half()
        queue[row] = entry
        h = linear(
            network.current[wide], entry, linear(network.past[wide], past, conditioning[layer].float())
        )
        z = gate(h).half()
        onto, before = before if network.reversible else x, x
        x = linear(network.residual[narrow], z, onto)
        activations.append(z)
        top += dilation
    skip = (linear(network.skip, torch.cat(activations), block=min(r, 64)) + network.skip_bias).relu().half()
    hidden = (linear(network.hidden, skip) + network.hidden_bias).relu().half()
    return linear(network.output, hidden) + network.output_bias


def linear(weights: Tensor, x: Tensor, start: Tensor | None = None, block: int = 64) -> Tensor:
    """start [out] + weights [out, in] · x [in]: `block` columns at a time, each block's sum rounded, then added."""
    total = torch.zeros(len(weights)) if start is None else start
    for columns, part in zip(weights.double().split(block, 1), x.double().split(block), strict=True):
        total = (columns @ part).float() + total
    return total


def gate(h: Tensor) -> Tensor:
    """tanh(filtered) · σ(gated), [R], from interleaved rows [2R]."""
    filtered, gated = h.view(-1, 2, 8).transpose(0, 1).reshape(2, -1)
    return _tanh(filtered) * (0.5 + 0.5 * _tanh(0.5 * gated))


def _tanh(a: Tensor) -> Tensor:
    g0, g1, g2, g3, g4, limit = (torch.tensor(value) for value in GATE)
    a = a.clamp(-limit, limit)
    s = a * a
    return ((s + g0) * s + g1) * a / ((g2 * s + g3) * s + g4)
