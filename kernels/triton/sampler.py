"""The kernel: n samples of tiles of streams, all of each sample inside, by one program a tile or by several.

Plain pieces in other files do the work; here is which program does which of them, and where in memory it finds what.
"""

# ruff: noqa: N803
from __future__ import annotations

import triton
import triton.language as tl

from wavesynth.kernels.triton.draw import draw, philox
from wavesynth.kernels.triton.head import head, rectified, relu
from wavesynth.kernels.triton.helpers import arrived, count, help_chain, reached
from wavesynth.kernels.triton.layers import chain, wide_layers

__all__ = ["sampler"]


# A chunk of another length is no other kernel.
@triton.jit(do_not_specialize=["n", "frames", "first", "tiles"])
def sampler(
    embedding_ptr, past_weights, current_weights, residual_weights, skip_weights, skip_bias_ptr, hidden_weights,
    hidden_bias_ptr, output_weights, output_bias_ptr, table_ptr,
    queue_ptr, token_ptr, index_ptr, seed_ptr, inverse_ptr,
    slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr, half_ptr, bits_ptr, single_ptr, flag_ptr,
    n, frames, first, tiles,
    L: tl.constexpr, CYCLE: tl.constexpr, QUEUE: tl.constexpr, HOP: tl.constexpr, R: tl.constexpr, S: tl.constexpr,
    A: tl.constexpr, B: tl.constexpr, HALF: tl.constexpr, SINGLE: tl.constexpr, WIDE: tl.constexpr,
    BLOCK: tl.constexpr, R_COLUMNS: tl.constexpr, S_ROWS: tl.constexpr, A_ROWS: tl.constexpr,
    S_COLUMNS: tl.constexpr, A_COLUMNS: tl.constexpr, STAGES: tl.constexpr, HEAD_STAGES: tl.constexpr,
    FUSE: tl.constexpr, HELPERS: tl.constexpr, FORCED: tl.constexpr, APPROXIMATE: tl.constexpr,
):  # fmt: skip
    """The next `n` samples of the streams in the slots `slot_ptr` [tiles * B], -1 for none: see `launch`."""
    program = tl.program_id(0) + first
    role = 0
    if HELPERS > 0:
        role = program // tiles
        program = program % tiles
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
    # Two buffers of z and of skip sums, of which one program's plan uses the first.
    half, bits = half_ptr + column * HALF, bits_ptr + column * HALF
    activations, skipped = half, half + 2 * L * R
    hidden, inputs = skipped + 2 * S, skipped + (2 * S + A)
    single = single_ptr + column * SINGLE
    logits, sums, given = single, single + A, single + (A + R)
    flag_ptr += program * 2
    if role > 0:
        help_chain(
            role - 1, index, active, queue, conditioning, phase, bits, skipped, given, flag_ptr,
            past_weights, skip_weights, skip_bias_ptr, table_ptr, n, L, CYCLE, HOP, R, S, S_ROWS, B, HELPERS, STAGES,
        )  # fmt: skip
    else:
        r = tl.arange(0, R)[:, None]
        s = tl.arange(0, S)[:, None]
        a = tl.arange(0, A)[:, None]
        for t in range(n):
            random = philox(seed, index)
            if FORCED:
                token = tl.load(forced_ptr + column * n + t, active, 0)
            frame = conditioning + ((phase + t) // HOP) * (L * 2 * R)
            x = tl.load(embedding_ptr + token[None, :] * R + r).to(tl.float32)
            if HELPERS > 0:
                buffer = t % 2
                x = tl.where(reached(flag_ptr + 1, (t + 1) * HELPERS), x, float("nan"))
                chain(
                    x, index, active, queue, given, activations + buffer * (L * R), past_weights, current_weights,
                    residual_weights, skip_weights, table_ptr, L, CYCLE, R, S, B, STAGES, False, True, APPROXIMATE,
                )  # fmt: skip
                count(flag_ptr)
                sums_bits = bits + (2 * L * R + buffer * S)
                arriving = tl.load(sums_bits[None, :] + s, volatile=True)
                arriving = arrived(arriving, sums_bits[None, :] + s)
                tl.store(inputs[None, :] + s, arriving)
                tl.store(sums_bits[None, :] + s, tl.full((S, B), -1, tl.int16))
                summed = inputs
            elif WIDE:
                tl.store(sums[None, :] + r, x)
                tl.store(inputs[None, :] + r, x.to(tl.float16))
                tl.debug_barrier()
                wide_layers(
                    index, active, queue, frame, activations, inputs, sums, past_weights, current_weights,
                    residual_weights, table_ptr, L, CYCLE, R, B, BLOCK, R_COLUMNS, APPROXIMATE,
                )  # fmt: skip
                summed = skipped
            else:
                skip = chain(
                    x, index, active, queue, frame, activations, past_weights, current_weights, residual_weights,
                    skip_weights, table_ptr, L, CYCLE, R, S, B, STAGES, FUSE, False, APPROXIMATE,
                )  # fmt: skip
                summed = skipped
            if FUSE:
                skip = relu(skip + tl.load(skip_bias_ptr + s))
                tl.store(skipped[None, :] + s, skip.to(tl.float16))
            elif HELPERS == 0:
                tl.debug_barrier()
                rectified(
                    skip_weights,
                    skip_bias_ptr,
                    activations,
                    skipped,
                    S,
                    L * R,
                    S_ROWS,
                    R_COLUMNS,
                    B,
                    HEAD_STAGES,
                )
            values = head(
                hidden_weights, hidden_bias_ptr, output_weights, output_bias_ptr, summed, hidden, logits, S, A,
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
