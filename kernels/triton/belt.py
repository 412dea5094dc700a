"""Many streams on a Hopper GPU: all weights pass through shared memory, sample after sample, as on a belt.

A program has a tile of streams and three groups of warps:

    bring_layers    one warp: each layer's matrices, as places for them become free
    bring_wide      one warp: the columns of the skip weights, layer by layer, then those of the head
    make            the rest: the samples, from what is there

What is on its way when a sample ends is the next one's, so that nothing is waited for between samples. A place is full
when its barrier has counted its bytes, and empty again when all that computes has been at a barrier after its last
product; the number of times either has happened, modulo two, is what the other side waits for.

Skip sums are made beside the chain: z is a product's factor twice, and is in shared memory once. In the same way the
past of the next layer is multiplied beside the gate of this one, which needs no tensor core.

In Gluon, Triton's language with layouts: a layer is two turns through shared memory, each with one fence and barrier.
Its samples are those of `sampler`, byte for byte.
"""

# ruff: noqa: N803, N806
from __future__ import annotations

import triton.experimental.gluon.language as gl
import triton.language as tl
from triton.experimental import gluon
from triton.experimental.gluon.language.nvidia.hopper import (
    async_copy,
    fence_async_shared,
    mbarrier,
    tma,
    warpgroup_mma,
    warpgroup_mma_init,
    warpgroup_mma_wait,
)

from wavesynth.kernels.triton.draw import draw, gate, philox
from wavesynth.kernels.triton.head import relu
from wavesynth.kernels.triton.layers import queue_row

__all__ = ["SWIZZLED", "belt"]

#: How matrices lie in shared memory: in rows of 128 bytes, R = 64 numbers.
SWIZZLED = gl.constexpr(gl.NVMMASharedLayout(128, 16, 2))


@gluon.jit
def bring_layers(
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
def bring_wide(
    n, skip_weights, hidden_weights, output_weights, wide, full, empty,
    L: gl.constexpr, R: gl.constexpr, S: gl.constexpr, A: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    """The skip, hidden and output weights, R columns at a time, for n samples."""
    j = 0
    for _ in range(n):
        j = _bring(skip_weights, L, j, wide, full, empty, S, R, STAGES)
        j = _bring(hidden_weights, S // R, j, wide, full, empty, A, R, STAGES)
        j = _bring(output_weights, A // R, j, wide, full, empty, A, R, STAGES)


@gluon.jit
def _bring(
    weights, blocks, j, wide, full, empty, ROWS: gl.constexpr, R: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    for k in range(blocks):
        stage = j % STAGES
        mbarrier.wait(empty.index(stage), (j // STAGES & 1) ^ 1)
        mbarrier.expect(full.index(stage), 2 * ROWS * R)
        place = wide.index(stage).slice(0, ROWS)
        tma.async_copy_global_to_shared(weights, [0, k * R], full.index(stage), place)
        j += 1
    return j


@gluon.jit
def _fetch(
    q, index, queue, conditioning, phase, frames, pasts, givens, table_ptr, L: gl.constexpr, CYCLE: gl.constexpr,
    HOP: gl.constexpr, R: gl.constexpr, AHEAD: gl.constexpr, PAST: gl.constexpr, GIVEN: gl.constexpr,
):  # fmt: skip
    """Begins to bring what layer q % L has of memory at sample q // L: its past, [B, R], and conditioning, [B, 2R]."""
    t, layer = q // L, q % L
    row = queue_row(layer, index + t, table_ptr, L, CYCLE) * R
    r = gl.arange(0, R, layout=gl.SliceLayout(0, PAST))
    from_queue = gl.expand_dims(queue + row, 1) + gl.expand_dims(r, 0)
    async_copy.async_copy_global_to_shared(pasts.index(q % AHEAD), from_queue)
    # What is begun at the end of a launch is never used, and its frame may be none.
    frame = gl.minimum((phase + t) // HOP, frames - 1)
    r2 = gl.arange(0, 2 * R, layout=gl.SliceLayout(0, GIVEN))
    wanted = gl.expand_dims(conditioning + frame * (L * 2 * R) + layer * 2 * R, 1) + gl.expand_dims(r2, 0)
    async_copy.async_copy_global_to_shared(givens.index(q % AHEAD), wanted)
    async_copy.commit_group()


@gluon.jit
def _settled(x):
    """x in registers of its own: the sums that the next product is added to are not those that the gate still reads."""
    return gl.inline_asm_elementwise("mov.b32 $0, $1;", "=f,f", [x], dtype=gl.float32, is_pure=False, pack=1)


@gluon.jit
def _product(
    inputs, j, wide, full, empty, K: gl.constexpr, R: gl.constexpr, A: gl.constexpr, B: gl.constexpr,
    STAGES: gl.constexpr, TALL: gl.constexpr,
):  # fmt: skip
    """The next K columns of weights times `inputs` [B, K]: [A, B]; and the number of the block after them."""
    total = gl.zeros([A, B], gl.float32, layout=TALL)
    for k in gl.static_range(K // R):
        mbarrier.wait(full.index(j % STAGES), j // STAGES & 1)
        factor = inputs.slice(k * R, R, 1).permute((1, 0))
        total = warpgroup_mma(wide.index(j % STAGES).slice(0, A), factor, total)
        tl.debug_barrier()
        mbarrier.arrive(empty.index(j % STAGES))
        j += 1
    return total, j


@gluon.jit
def _head(
    skip, skip_bias, hidden_bias, output_bias, j, wide, full, empty, R: gl.constexpr, S: gl.constexpr,
    A: gl.constexpr, B: gl.constexpr, STAGES: gl.constexpr, TALL: gl.constexpr,
):  # fmt: skip
    """Logits [A, B] from the skip sums [S, B], whose last block of weights was j - 1; and the number after the last."""
    summed = gl.allocate_shared_memory(gl.float16, [B, S], SWIZZLED)
    summed.permute((1, 0)).store(relu(skip + gl.expand_dims(skip_bias, 1)).to(gl.float16))
    fence_async_shared()
    tl.debug_barrier()
    mbarrier.arrive(empty.index((j + STAGES - 1) % STAGES))
    total, j = _product(summed, j, wide, full, empty, S, R, A, B, STAGES, TALL)
    hidden = gl.allocate_shared_memory(gl.float16, [B, A], SWIZZLED)
    hidden.permute((1, 0)).store(relu(total + gl.expand_dims(hidden_bias, 1)).to(gl.float16))
    fence_async_shared()
    tl.debug_barrier()
    total, j = _product(hidden, j, wide, full, empty, A, R, A, B, STAGES, TALL)
    return total + gl.expand_dims(output_bias, 1), j


@gluon.jit
def make(
    embedding_ptr, past_weights, skip_bias_ptr, hidden_bias_ptr, output_bias_ptr, table_ptr, queue_ptr, token_ptr,
    index_ptr, seed_ptr, inverse_ptr, slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr, n, frames, program,
    current, current_full, current_empty, residual, past, full, empty, wide, wide_full, wide_empty, once,
    L: gl.constexpr, CYCLE: gl.constexpr, QUEUE: gl.constexpr, HOP: gl.constexpr, R: gl.constexpr, S: gl.constexpr,
    A: gl.constexpr, B: gl.constexpr, WARPS: gl.constexpr, STAGES: gl.constexpr, WIDE_STAGES: gl.constexpr,
    AHEAD: gl.constexpr, FORCED: gl.constexpr, APPROXIMATE: gl.constexpr,
):  # fmt: skip
    """The samples themselves."""
    # Where a product's sums are: of 2R, S or A rows each four warps have some, of R rows they have some columns.
    TALL: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [WARPS, 1], [16, B, 16])
    FLAT: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, WARPS // 4], [16, B // (WARPS // 4), 16])
    # A thread copies 16 bytes of a stream; a warp has all logits of four streams.
    PAST: gl.constexpr = gl.BlockedLayout([1, 8], [4, 8], [WARPS, 1], [1, 0])
    GIVEN: gl.constexpr = gl.BlockedLayout([1, 8], [2, 16], [WARPS, 1], [1, 0])
    DRAW: gl.constexpr = gl.BlockedLayout([A // 8, 1], [8, 4], [1, WARPS], [0, 1])

    # A column that is nobody's reads what is slot 0's, and writes nothing.
    column = program * B + gl.arange(0, B, layout=gl.SliceLayout(0, DRAW))
    slot = gl.load(slot_ptr + column)
    active = slot >= 0
    slot = gl.maximum(slot, 0)
    index, seed = gl.load(index_ptr + slot), gl.load(seed_ptr + slot)
    inverse = gl.load(inverse_ptr + slot)

    past_slot = gl.load(slot_ptr + program * B + gl.arange(0, B, layout=gl.SliceLayout(1, PAST)))
    past_active = gl.expand_dims(past_slot >= 0, 1)
    past_slot = gl.maximum(past_slot, 0).to(gl.int64)
    past_index = gl.load(index_ptr + past_slot)
    queue = queue_ptr + past_slot * (QUEUE * R)

    given_column = program * B + gl.arange(0, B, layout=gl.SliceLayout(1, GIVEN))
    given_slot = gl.load(slot_ptr + given_column)
    given_column = gl.where(given_slot >= 0, given_column, 0).to(gl.int64)
    phase = (gl.load(index_ptr + gl.maximum(given_slot, 0)) % HOP).to(gl.int32)
    conditioning = conditioning_ptr + given_column * frames * (L * 2 * R)

    flat_column = program * B + gl.arange(0, B, layout=gl.SliceLayout(0, FLAT))
    flat_slot = gl.load(slot_ptr + flat_column)
    token = gl.load(token_ptr + gl.maximum(flat_slot, 0))

    skip_bias = gl.load(skip_bias_ptr + gl.arange(0, S, layout=gl.SliceLayout(1, TALL)))
    hidden_bias = gl.load(hidden_bias_ptr + gl.arange(0, A, layout=gl.SliceLayout(1, TALL)))
    output_bias = gl.load(output_bias_ptr + gl.arange(0, A, layout=gl.SliceLayout(1, TALL)))

    pasts = gl.allocate_shared_memory(gl.float16, [AHEAD, B, R], SWIZZLED)
    givens = gl.allocate_shared_memory(gl.float16, [AHEAD, B, 2 * R], SWIZZLED)

    for q in gl.static_range(AHEAD):
        _fetch(
            q, past_index, queue, conditioning, phase, frames, pasts, givens, table_ptr, L, CYCLE, HOP, R, AHEAD, PAST,
            GIVEN,
        )  # fmt: skip
    # The past of the first layer, which no layer before it multiplies.
    first = gl.allocate_shared_memory(gl.float16, [2 * R, R], SWIZZLED)
    mbarrier.expect(once, 4 * R * R)
    tma.async_copy_global_to_shared(past_weights, [0, 0], once, first)
    async_copy.wait_group(AHEAD - 2)
    fence_async_shared()
    tl.debug_barrier()
    given = givens.index(0).permute((1, 0)).load(TALL).to(gl.float32)
    mbarrier.wait(once, 0)
    given = warpgroup_mma(first, pasts.index(0).permute((1, 0)), given)
    first._keep_alive()

    q = 0  # layers, and blocks of wide weights, since the launch began
    j = 0
    for t in range(n):
        # Here, so that the head has their memory afterwards.
        entry = gl.allocate_shared_memory(gl.float16, [B, R], SWIZZLED)
        # Two, since the skip product of one layer may still be reading when the next is written.
        activations = gl.allocate_shared_memory(gl.float16, [2, B, R], SWIZZLED)
        if FORCED:
            token = gl.load(forced_ptr + flat_column * n + t, flat_slot >= 0, 0)
        r = gl.arange(0, R, layout=gl.SliceLayout(1, FLAT))
        x = gl.load(embedding_ptr + gl.expand_dims(token, 0) * R + gl.expand_dims(r, 1)).to(gl.float32)
        skip = warpgroup_mma_init(gl.zeros([S, B], gl.float32, layout=TALL))
        tl.debug_barrier()
        for layer in range(L):
            stage, wide_stage, parity = q % STAGES, j % WIDE_STAGES, q // STAGES & 1
            entry.permute((1, 0)).store(x.to(gl.float16))
            fence_async_shared()
            tl.debug_barrier()
            mbarrier.wait(current_full.index(stage), parity)
            h = warpgroup_mma(current.index(stage), entry.permute((1, 0)), given, is_async=True)
            # At the barrier all had done with the layer before.
            mbarrier.arrive(empty.index((q + STAGES - 1) % STAGES), pred=q > 0)
            wish = givens.index((q + 1) % AHEAD).permute((1, 0)).load(TALL).to(gl.float32)
            row = queue_row(layer, past_index + t, table_ptr, L, CYCLE) * R
            kept = gl.arange(0, R, layout=gl.SliceLayout(0, PAST))
            gl.store(gl.expand_dims(queue + row, 1) + gl.expand_dims(kept, 0), entry.load(PAST), past_active)
            h, skip = warpgroup_mma_wait(0, deps=[h, skip])
            mbarrier.wait(full.index(stage), parity)
            before = pasts.index((q + 1) % AHEAD).permute((1, 0))
            given = warpgroup_mma(past.index(stage), before, wish, is_async=True)
            z = activations.index(q % 2)
            z.permute((1, 0)).store(gate(h, R, B, APPROXIMATE).to(gl.float16))
            fence_async_shared()
            async_copy.wait_group(AHEAD - 3)
            tl.debug_barrier()
            x = warpgroup_mma(residual.index(stage), z.permute((1, 0)), x, is_async=True)
            # And at this one with h, and with the skip product of the layer before.
            mbarrier.arrive(current_empty.index(stage))
            mbarrier.arrive(wide_empty.index((j + WIDE_STAGES - 1) % WIDE_STAGES), pred=layer > 0)
            mbarrier.wait(wide_full.index(wide_stage), j // WIDE_STAGES & 1)
            skip = warpgroup_mma(wide.index(wide_stage).slice(0, S), z.permute((1, 0)), skip, is_async=True)
            _fetch(
                q + AHEAD, past_index, queue, conditioning, phase, frames, pasts, givens, table_ptr, L, CYCLE, HOP, R,
                AHEAD, PAST, GIVEN,
            )  # fmt: skip
            x, given = warpgroup_mma_wait(1, deps=[x, given])
            given = _settled(given)
            q += 1
            j += 1
        total = warpgroup_mma_wait(0, deps=[skip])
        logits, j = _head(
            total, skip_bias, hidden_bias, output_bias, j, wide, wide_full, wide_empty, R, S, A, B, WIDE_STAGES, TALL
        )  # fmt: skip
        values = gl.convert_layout(logits, DRAW)
        if FORCED:
            a = gl.arange(0, A, layout=gl.SliceLayout(1, DRAW))
            place = gl.expand_dims((column.to(gl.int64) * n + t) * A, 0) + gl.expand_dims(a, 1)
            gl.store(logits_ptr + place, values, gl.expand_dims(active, 0))
        drawn = draw(values, philox(seed, index + t), inverse, A)
        gl.store(drawn_ptr + column * n + t, drawn, active)
        token = gl.convert_layout(gl.maximum(drawn, 0), gl.SliceLayout(0, FLAT))
    gl.store(token_ptr + slot, gl.convert_layout(token, gl.SliceLayout(0, DRAW)), active)
    gl.store(index_ptr + slot, index + n, active)
    async_copy.wait_group(0)


@gluon.jit(do_not_specialize=["n", "frames", "first"])
def belt(
    embedding_ptr, past_weights, current_weights, residual_weights, skip_weights, skip_bias_ptr, hidden_weights,
    hidden_bias_ptr, output_weights, output_bias_ptr, table_ptr, queue_ptr, token_ptr, index_ptr, seed_ptr, inverse_ptr,
    slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr, n, frames, first,
    L: gl.constexpr, CYCLE: gl.constexpr, QUEUE: gl.constexpr, HOP: gl.constexpr, R: gl.constexpr, S: gl.constexpr,
    A: gl.constexpr, B: gl.constexpr, WARPS: gl.constexpr, STAGES: gl.constexpr, WIDE_STAGES: gl.constexpr,
    AHEAD: gl.constexpr, FORCED: gl.constexpr, APPROXIMATE: gl.constexpr,
):  # fmt: skip
    """The next `n` samples of the streams in the slots `slot_ptr` [tiles * B], -1 for none: see `launch`."""
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
    once = gl.allocate_shared_memory(gl.int64, [1], mbarrier.MBarrierLayout())
    for stage in gl.static_range(STAGES):
        mbarrier.init(full.index(stage), count=1)
        mbarrier.init(empty.index(stage), count=1)
        mbarrier.init(current_full.index(stage), count=1)
        mbarrier.init(current_empty.index(stage), count=1)
    for stage in gl.static_range(WIDE_STAGES):
        mbarrier.init(wide_full.index(stage), count=1)
        mbarrier.init(wide_empty.index(stage), count=1)
    mbarrier.init(once, count=1)
    fence_async_shared()
    tl.debug_barrier()
    program = gl.program_id(0) + first
    gl.warp_specialize(
        [
            (make, (
                embedding_ptr, past_weights, skip_bias_ptr, hidden_bias_ptr, output_bias_ptr, table_ptr, queue_ptr,
                token_ptr, index_ptr, seed_ptr, inverse_ptr, slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr,
                logits_ptr, n, frames, program, current, current_full, current_empty, residual, past, full, empty, wide,
                wide_full, wide_empty, once,
                L, CYCLE, QUEUE, HOP, R, S, A, B, WARPS, STAGES, WIDE_STAGES, AHEAD, FORCED, APPROXIMATE,
            )),
            (bring_layers, (
                n, current_weights, residual_weights, past_weights, current, current_full, current_empty, residual,
                past, full, empty, L, R, STAGES,
            )),
            (bring_wide, (
                n, skip_weights, hidden_weights, output_weights, wide, wide_full, wide_empty, L, R, S, A, WIDE_STAGES,
            )),
        ],
        [1, 1],
        [24, 24],
    )  # fmt: skip
