"""The tiled kernel: n samples of tiles of streams, all of each sample inside, by one program a tile.

The functions of `layers`, `head` and `draw` do the work; this file says where in memory their operands are.
"""

# ruff: noqa: N803
from __future__ import annotations

import triton
import triton.language as tl

from wavesynth.kernels.triton.draw import draw, philox
from wavesynth.kernels.triton.head import head, rectified
from wavesynth.kernels.triton.layers import narrow_layers, wide_layers

__all__ = ["tiled_kernel"]


# A chunk of another length is no other kernel.
@triton.jit(do_not_specialize=["n", "frames", "first"])
def tiled_kernel(
    embedding_ptr, past_weights, current_weights, residual_weights, skip_weights, skip_bias_ptr, hidden_weights,
    hidden_bias_ptr, output_weights, output_bias_ptr, table_ptr,
    queue_ptr, token_ptr, index_ptr, seed_ptr, inverse_ptr,
    slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr, half_ptr, single_ptr, n, frames, first,
    L: tl.constexpr, CYCLE: tl.constexpr, QUEUE: tl.constexpr, HOP: tl.constexpr, R: tl.constexpr, S: tl.constexpr,
    A: tl.constexpr, B: tl.constexpr, HALF: tl.constexpr, SINGLE: tl.constexpr, WIDE: tl.constexpr,
    BLOCK: tl.constexpr, R_COLUMNS: tl.constexpr, S_ROWS: tl.constexpr, A_ROWS: tl.constexpr,
    S_COLUMNS: tl.constexpr, A_COLUMNS: tl.constexpr, STAGES: tl.constexpr, HEAD_STAGES: tl.constexpr,
    REVERSIBLE: tl.constexpr, FORCED: tl.constexpr, APPROXIMATE: tl.constexpr,
):  # fmt: skip
    """The next `n` samples of the streams in the slots `slot_ptr` [tiles * B], -1 for none: see `Launch`."""
    program = tl.program_id(0) + first
    b = tl.arange(0, B)
    column = (program * B + b).to(tl.int64)
    slot = tl.load(slot_ptr + column)
    active = slot >= 0
    slot = tl.maximum(slot, 0).to(tl.int64)
    index = tl.load(index_ptr + slot)
    token = tl.load(token_ptr + slot)
    seed = tl.load(seed_ptr + slot)
    inverse = tl.load(inverse_ptr + slot)
    phase = (index % HOP).to(tl.int32)
    queue = queue_ptr + slot * (QUEUE * R)
    conditioning = conditioning_ptr + column * frames * (L * 2 * R)
    activations = half_ptr + column * HALF
    skipped, hidden, inputs = activations + L * R, activations + (L * R + S), activations + (L * R + S + A)
    logits = single_ptr + column * SINGLE
    sums = logits + A
    r = tl.arange(0, R)[:, None]
    a = tl.arange(0, A)[:, None]
    for t in range(n):
        random = philox(seed, index)
        if FORCED:
            token = tl.load(forced_ptr + column * n + t, active, 0)
        frame = conditioning + ((phase + t) // HOP) * (L * 2 * R)
        x = tl.load(embedding_ptr + token[None, :] * R + r).to(tl.float32)
        if WIDE:
            tl.store(sums[None, :] + r, x)
            if REVERSIBLE:
                tl.store(sums[None, :] + R + r, x)
            tl.store(inputs[None, :] + r, x.to(tl.float16))
            tl.debug_barrier()
            wide_layers(
                index, active, queue, frame, activations, inputs, sums, past_weights, current_weights,
                residual_weights, table_ptr, L, CYCLE, R, B, BLOCK, R_COLUMNS, REVERSIBLE, APPROXIMATE,
            )  # fmt: skip
        else:
            narrow_layers(
                x, index, active, queue, frame, activations, past_weights, current_weights, residual_weights,
                table_ptr, L, CYCLE, R, B, STAGES, REVERSIBLE, APPROXIMATE,
            )  # fmt: skip
        tl.debug_barrier()
        rectified(
            skip_weights, skip_bias_ptr, activations, skipped, S, L * R, S_ROWS, R_COLUMNS, B, HEAD_STAGES
        )
        values = head(
            hidden_weights, hidden_bias_ptr, output_weights, output_bias_ptr, skipped, hidden, logits, S, A,
            A_ROWS, S_COLUMNS, A_COLUMNS, B, HEAD_STAGES,
        )  # fmt: skip
        if FORCED:
            tl.store(logits_ptr + ((column * n + t) * A)[None, :] + a, values, active[None, :])
        drawn = draw(values, random, inverse, A)
        tl.store(drawn_ptr + column * n + t, drawn, active)
        token = tl.maximum(drawn, 0)
        index += 1
    tl.store(token_ptr + slot, token, active)
    tl.store(index_ptr + slot, index, active)
