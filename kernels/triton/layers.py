"""The layers of one sample, inside the kernel: the chain in which each product waits for the one before.

A tile is B streams side by side: activations are [channels, B], so that a layer's product is weights [out, in] times
a tile. Memory that a thread reads along channels is contiguous: a stream's queue row is R channels.
"""

# ruff: noqa: N803
from __future__ import annotations

import triton
import triton.language as tl

from wavesynth.kernels.triton.draw import gate

__all__ = ["narrow_layers", "queue_row", "wide_layers"]


@triton.jit
def queue_row(layer, index, table_ptr, L: tl.constexpr, CYCLE: tl.constexpr):
    """The queue row, int32 [B], that `layer` reads at sample `index` [B], and then writes.

    In whole stacks of 1, 2, 4, ... it is computed: a load that feeds no product would cost its latency each layer.
    """
    if CYCLE > 0:
        dilation = 1 << (layer % CYCLE)
        first = (layer // CYCLE) * ((1 << CYCLE) - 1) + dilation - 1
        return first + (index.to(tl.int32) & (dilation - 1))
    dilation = tl.load(table_ptr + layer)
    return tl.load(table_ptr + L + layer) + (index % dilation).to(tl.int32)


@triton.jit
def narrow_layers(
    x, index, active, queue, conditioning, activations, past_weights, current_weights, residual_weights,
    table_ptr, L: tl.constexpr, CYCLE: tl.constexpr, R: tl.constexpr, B: tl.constexpr,
    STAGES: tl.constexpr, REVERSIBLE: tl.constexpr, APPROXIMATE: tl.constexpr,
):  # fmt: skip
    """All layers for one sample of a tile, from the first one's input `x` [R, B], with whole matrices.

    `queue`, `conditioning` and `activations` [B] point at each stream's queue rows, frame [L * 2R] and z [L * R]. In a
    reversible network a layer's residual is added to the input of the layer before.
    """
    r = tl.arange(0, R)[:, None]
    r2 = tl.arange(0, 2 * R)[:, None]
    given = tl.load(conditioning[None, :] + r2, active[None, :], 0.0)
    if REVERSIBLE:
        before = x
    for layer in tl.range(L, num_stages=STAGES):
        row = queue_row(layer, index, table_ptr, L, CYCLE) * R
        # Not a product's factor, so not read ahead by the compiler: done here.
        following = tl.minimum(layer + 1, L - 1)
        next_given = tl.load(conditioning[None, :] + following * (2 * R) + r2, active[None, :], 0.0)
        h = given.to(
            tl.float32
        )  # before the past is loaded: tiles of 8 and 16 leave less on the stack of 8.0 so
        past = tl.load(queue[None, :] + row[None, :] + r, active[None, :], 0.0)
        h = tl.dot(past_weights.load([layer * 2 * R, 0]), past, h)
        entry = x.to(tl.float16)
        tl.store(queue[None, :] + row[None, :] + r, entry, active[None, :])
        h = tl.dot(current_weights.load([layer * 2 * R, 0]), entry, h)
        z = gate(h, R, B, APPROXIMATE).to(tl.float16)
        if REVERSIBLE:
            onto = before
            before = x
            x = tl.dot(residual_weights.load([layer * R, 0]), z, onto)
        else:
            x = tl.dot(residual_weights.load([layer * R, 0]), z, x)
        tl.store(activations[None, :] + layer * R + r, z)
        given = next_given


@triton.jit
def wide_layers(
    index, active, queue, conditioning, activations, inputs, sums, past_weights, current_weights,
    residual_weights, table_ptr, L: tl.constexpr, CYCLE: tl.constexpr, R: tl.constexpr, B: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, REVERSIBLE: tl.constexpr, APPROXIMATE: tl.constexpr,
):  # fmt: skip
    """The same where a layer's matrices are too large to be on chip whole: in blocks, x and z in memory between.

    `sums` and `inputs` [B] point at x [R], float32 and float16, which the caller has filled for the first layer. In a
    reversible network there are two `sums`, one behind the other, to which the layers add by turns.
    """
    c = tl.arange(0, COLUMNS)[:, None]
    m = tl.arange(0, 2 * ROWS)[:, None]
    half = tl.arange(0, ROWS)[:, None]
    for layer in tl.range(L):
        row = queue_row(layer, index, table_ptr, L, CYCLE) * R
        for block in tl.range(0, R, ROWS):
            at = layer * 2 * R + 2 * block
            h = tl.load(conditioning[None, :] + at + m, active[None, :], 0.0).to(tl.float32)
            for k in tl.range(0, R, COLUMNS):
                past = tl.load(queue[None, :] + row[None, :] + k + c, active[None, :], 0.0)
                h = tl.dot(past_weights.load([at, k]), past, h)
            for k in tl.range(0, R, COLUMNS):
                h = tl.dot(current_weights.load([at, k]), tl.load(inputs[None, :] + k + c), h)
            z = gate(h, ROWS, B, APPROXIMATE).to(tl.float16)
            tl.store(activations[None, :] + layer * R + block + half, z)
        tl.debug_barrier()
        for block in tl.range(0, R, ROWS):
            if REVERSIBLE:
                entry = tl.load(inputs[None, :] + block + half)
                stream = sums + (1 - layer % 2) * R
                x = tl.load(stream[None, :] + block + half)
            else:
                stream = sums
                x = tl.load(stream[None, :] + block + half)
                entry = x.to(tl.float16)
            tl.store(queue[None, :] + row[None, :] + block + half, entry, active[None, :])
            for k in tl.range(0, R, COLUMNS):
                z = tl.load(activations[None, :] + layer * R + k + c)
                x = tl.dot(residual_weights.load([layer * R + block, k]), z, x)
            tl.store(stream[None, :] + block + half, x)
            tl.store(inputs[None, :] + block + half, x.to(tl.float16))
        tl.debug_barrier()
