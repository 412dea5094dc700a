"""The warp-specialized kernel: many streams on a Hopper GPU, whose weights all pass through shared memory.

A program has a tile of streams and three groups of warps:

    produce_layers  one warp: each layer's matrices, as stages for them become free
    produce_wide    one warp: the columns of the skip weights, layer by layer, then those of the head
    consume         the rest: the samples, from what is there

What is on its way when a sample ends is the next one's, so that nothing is waited for between samples. A stage is full
when its barrier has counted its bytes, and empty again when all consumer warps have been at a barrier after its last
product; the number of times either has happened, modulo two, is what the other side waits for.

In Gluon, Triton's language with layouts. Its samples are those of `tiled_kernel`, byte for byte.
"""

# ruff: noqa: N803, N806
from __future__ import annotations

import triton.experimental.gluon.language as gl
import triton.language as tl
from triton.experimental import gluon
from triton.experimental.gluon.language.nvidia.hopper import (
    fence_async_shared,
    mbarrier,
    tma,
)

from wavesynth.kernels.triton.warp_specialized_consumer import SWIZZLED, consume

__all__ = ["warp_specialized_kernel"]


@gluon.jit
def produce_layers(
    n, current_weights, residual_weights, past_weights, current, current_full, current_empty, residual, past, full,
    empty, L: gl.constexpr, R: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    """Each layer's matrices and those of the next one's past, for n samples."""
    for q in range(n * L):
        layer, stage = q % L, q % STAGES
        free = (q // STAGES & 1) ^ 1
        bar = current_full.index(stage)
        mbarrier.wait(current_empty.index(stage), free)
        mbarrier.expect(bar, 4 * R * R)
        tma.async_copy_global_to_shared(current_weights, [layer * 2 * R, 0], bar, current.index(stage))
        bar = full.index(stage)
        mbarrier.wait(empty.index(stage), free)
        mbarrier.expect(bar, 6 * R * R)
        tma.async_copy_global_to_shared(residual_weights, [layer * R, 0], bar, residual.index(stage))
        tma.async_copy_global_to_shared(past_weights, [(layer + 1) % L * 2 * R, 0], bar, past.index(stage))


@gluon.jit
def produce_wide(
    n, skip_weights, hidden_weights, output_weights, wide, full, empty,
    L: gl.constexpr, R: gl.constexpr, S: gl.constexpr, A: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    """The skip, hidden and output weights, R columns at a time, for n samples."""
    j = 0
    for _ in range(n):
        j = _produce_columns(skip_weights, L, j, wide, full, empty, S, R, STAGES)
        j = _produce_columns(hidden_weights, S // R, j, wide, full, empty, A, R, STAGES)
        j = _produce_columns(output_weights, A // R, j, wide, full, empty, A, R, STAGES)


@gluon.jit
def _produce_columns(
    weights, blocks, j, wide, full, empty, ROWS: gl.constexpr, R: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    for k in range(blocks):
        stage = j % STAGES
        mbarrier.wait(empty.index(stage), (j // STAGES & 1) ^ 1)
        mbarrier.expect(full.index(stage), 2 * ROWS * R)
        block = wide.index(stage).slice(0, ROWS)
        tma.async_copy_global_to_shared(weights, [0, k * R], full.index(stage), block)
        j += 1
    return j


@gluon.jit(do_not_specialize=["n", "frames", "first"])
def warp_specialized_kernel(
    embedding_ptr, past_weights, current_weights, residual_weights, skip_weights, skip_bias_ptr, hidden_weights,
    hidden_bias_ptr, output_weights, output_bias_ptr, table_ptr, queue_ptr, token_ptr, index_ptr, seed_ptr, inverse_ptr,
    slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr, n, frames, first,
    L: gl.constexpr, CYCLE: gl.constexpr, QUEUE: gl.constexpr, HOP: gl.constexpr, R: gl.constexpr, S: gl.constexpr,
    A: gl.constexpr, B: gl.constexpr, WARPS: gl.constexpr, STAGES: gl.constexpr, WIDE_STAGES: gl.constexpr,
    AHEAD: gl.constexpr, FORCED: gl.constexpr, APPROXIMATE: gl.constexpr,
):  # fmt: skip
    """The next `n` samples of the streams in the slots `slot_ptr` [tiles * B], -1 for none: see `Launch`."""
    WIDE: gl.constexpr = S if S > A else A
    current = gl.allocate_shared_memory(gl.float16, [STAGES, 2 * R, R], SWIZZLED)
    residual = gl.allocate_shared_memory(gl.float16, [STAGES, R, R], SWIZZLED)
    past = gl.allocate_shared_memory(gl.float16, [STAGES, 2 * R, R], SWIZZLED)
    wide = gl.allocate_shared_memory(gl.float16, [WIDE_STAGES, WIDE, R], SWIZZLED)
    full = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    current_full = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    current_empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    wide_full = gl.allocate_shared_memory(gl.int64, [WIDE_STAGES, 1], mbarrier.MBarrierLayout())
    wide_empty = gl.allocate_shared_memory(gl.int64, [WIDE_STAGES, 1], mbarrier.MBarrierLayout())
    first_full = gl.allocate_shared_memory(gl.int64, [1], mbarrier.MBarrierLayout())
    for stage in gl.static_range(STAGES):
        mbarrier.init(full.index(stage), count=1)
        mbarrier.init(empty.index(stage), count=1)
        mbarrier.init(current_full.index(stage), count=1)
        mbarrier.init(current_empty.index(stage), count=1)
    for stage in gl.static_range(WIDE_STAGES):
        mbarrier.init(wide_full.index(stage), count=1)
        mbarrier.init(wide_empty.index(stage), count=1)
    mbarrier.init(first_full, count=1)
    fence_async_shared()
    tl.debug_barrier()
    program = gl.program_id(0) + first
    gl.warp_specialize(
        [
            (consume, (
                embedding_ptr, past_weights, skip_bias_ptr, hidden_bias_ptr, output_bias_ptr, table_ptr, queue_ptr,
                token_ptr, index_ptr, seed_ptr, inverse_ptr, slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr,
                logits_ptr, n, frames, program, current, current_full, current_empty, residual, past, full, empty, wide,
                wide_full, wide_empty, first_full,
                L, CYCLE, QUEUE, HOP, R, S, A, B, WARPS, STAGES, WIDE_STAGES, AHEAD, FORCED, APPROXIMATE,
            )),
            (produce_layers, (
                n, current_weights, residual_weights, past_weights, current, current_full, current_empty, residual,
                past, full, empty, L, R, STAGES,
            )),
            (produce_wide, (
                n, skip_weights, hidden_weights, output_weights, wide, wide_full, wide_empty, L, R, S, A, WIDE_STAGES,
            )),
        ],
        [1, 1],
        [24, 24],
    )  # fmt: skip
