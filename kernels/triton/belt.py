"""Many streams on a Hopper GPU: the weights of a sample pass through shared memory as on a belt, always on their way."""

# ruff: noqa: N803
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


@gluon.jit
def bring_layers(
    n, current_weights, residual_weights, past_weights, current, residual, past, full, empty,
    L: gl.constexpr, R: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    """One warp: each layer's matrices, and those of the next one's past, as places become free."""
    for q in range(n * L):
        layer = q % L
        stage = q % STAGES
        bar = full.index(stage)
        mbarrier.wait(empty.index(stage), (q // STAGES & 1) ^ 1)
        mbarrier.expect(bar, 10 * R * R)
        tma.async_copy_global_to_shared(current_weights, [layer * 2 * R, 0], bar, current.index(stage))
        tma.async_copy_global_to_shared(residual_weights, [layer * R, 0], bar, residual.index(stage))
        tma.async_copy_global_to_shared(past_weights, [(layer + 1) % L * 2 * R, 0], bar, past.index(stage))


@gluon.jit
def bring_wide(
    n, skip_weights, hidden_weights, output_weights, wide, full, empty,
    L: gl.constexpr, R: gl.constexpr, S: gl.constexpr, A: gl.constexpr, STAGES: gl.constexpr,
):  # fmt: skip
    """Another: columns of the skip weights, layer by layer, and then the head's."""
    j = 0
    for _ in range(n):
        for layer in range(L):
            bar = full.index(j % STAGES)
            mbarrier.wait(empty.index(j % STAGES), (j // STAGES & 1) ^ 1)
            mbarrier.expect(bar, 2 * S * R)
            tma.async_copy_global_to_shared(skip_weights, [0, layer * R], bar, wide.index(j % STAGES))
            j += 1
        for k in range(S // 64):
            bar = full.index(j % STAGES)
            mbarrier.wait(empty.index(j % STAGES), (j // STAGES & 1) ^ 1)
            mbarrier.expect(bar, 2 * A * 64)
            tma.async_copy_global_to_shared(hidden_weights, [0, k * 64], bar, wide.index(j % STAGES))
            j += 1
        for k in range(A // 64):
            bar = full.index(j % STAGES)
            mbarrier.wait(empty.index(j % STAGES), (j // STAGES & 1) ^ 1)
            mbarrier.expect(bar, 2 * A * 64)
            tma.async_copy_global_to_shared(output_weights, [0, k * 64], bar, wide.index(j % STAGES))
            j += 1


@gluon.jit
def settled(x):
    """x, in registers of its own: sums that the next product adds to are not the ones that are still being read."""
    return gl.inline_asm_elementwise("mov.b32 $0, $1;", "=f,f", [x], dtype=gl.float32, is_pure=False, pack=1)


@gluon.jit
def multiply(weights, inputs, j, wide, full, empty, K: gl.constexpr, A: gl.constexpr, B: gl.constexpr, STAGES: gl.constexpr, TALL: gl.constexpr):
    total = gl.zeros([A, B], gl.float32, layout=TALL)
    for k in gl.static_range(K // 64):
        stage = j % STAGES
        mbarrier.wait(full.index(stage), j // STAGES & 1)
        total = warpgroup_mma(wide.index(stage), inputs.slice(k * 64, 64, 1).permute((1, 0)), total)
        tl.debug_barrier()
        mbarrier.arrive(empty.index(stage))
        j += 1
    return total, j


@gluon.jit
def fetch(q, index, queue, conditioning, phase, frames, pasts, givens, table_ptr, L: gl.constexpr, CYCLE: gl.constexpr, HOP: gl.constexpr, R: gl.constexpr, PAST: gl.constexpr, GIVEN: gl.constexpr, STAGES: gl.constexpr):
    """What layer q % L has of memory at sample q // L: its past and its conditioning."""
    t = q // L
    layer = q % L
    row = queue_row(layer, index + t, table_ptr, L, CYCLE) * R
    r = gl.arange(0, R, layout=gl.SliceLayout(0, PAST))[None, :]
    async_copy.async_copy_global_to_shared(pasts.index(q % STAGES), gl.expand_dims(queue, 1) + gl.expand_dims(row, 1) + r)
    frame = gl.minimum((phase + t) // HOP, frames - 1)
    r2 = gl.arange(0, 2 * R, layout=gl.SliceLayout(0, GIVEN))[None, :]
    async_copy.async_copy_global_to_shared(
        givens.index(q % STAGES), gl.expand_dims(conditioning, 1) + gl.expand_dims(frame * (L * 2 * R) + layer * 2 * R, 1) + r2
    )
    async_copy.commit_group()


@gluon.jit
def sample(
    embedding_ptr, skip_bias_ptr, hidden_bias_ptr, output_bias_ptr, table_ptr, queue_ptr, token_ptr, index_ptr, seed_ptr,
    inverse_ptr, slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr, n, frames, program,
    past_weights, current, residual, past, full, empty, wide, wide_full, wide_empty, once,
    L: gl.constexpr, CYCLE: gl.constexpr, QUEUE: gl.constexpr, HOP: gl.constexpr, R: gl.constexpr, S: gl.constexpr,
    A: gl.constexpr, B: gl.constexpr, WARPS: gl.constexpr, STAGES: gl.constexpr, WIDE_STAGES: gl.constexpr, AHEAD: gl.constexpr, FORCED: gl.constexpr, APPROXIMATE: gl.constexpr,
):  # fmt: skip
    GROUPS: gl.constexpr = WARPS // 4
    # Sums of products of 2R, S and A rows, of which each group of warps has some rows, and of R rows: some columns.
    TALL: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [WARPS, 1], [16, B, 16])
    FLAT: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, GROUPS], [16, B // GROUPS, 16])
    PAST: gl.constexpr = gl.BlockedLayout([1, 8], [4, 8], [WARPS, 1], [1, 0])
    GIVEN: gl.constexpr = gl.BlockedLayout([1, 8], [2, 16], [WARPS, 1], [1, 0])
    DRAW: gl.constexpr = gl.BlockedLayout([A // 8, 1], [8, 4], [1, WARPS], [0, 1])
    SWIZZLED: gl.constexpr = gl.NVMMASharedLayout(128, 16, 2)

    column = program * B + gl.arange(0, B, layout=gl.SliceLayout(0, DRAW))
    slot = gl.load(slot_ptr + column)
    active = slot >= 0
    slot = gl.maximum(slot, 0)
    index = gl.load(index_ptr + slot)
    seed = gl.load(seed_ptr + slot)
    inverse = gl.load(inverse_ptr + slot)

    past_column = program * B + gl.arange(0, B, layout=gl.SliceLayout(1, PAST))
    past_slot = gl.load(slot_ptr + past_column)
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
    entry = gl.allocate_shared_memory(gl.float16, [B, R], SWIZZLED)
    # Two, since the skip product of one layer may still be reading while the next is written.
    activations = gl.allocate_shared_memory(gl.float16, [2, B, R], SWIZZLED)

    for q in gl.static_range(AHEAD):
        fetch(q, past_index, queue, conditioning, phase, frames, pasts, givens, table_ptr, L, CYCLE, HOP, R, PAST, GIVEN, AHEAD)
    # The product of the first layer's past is nobody's to make ahead.
    first = gl.allocate_shared_memory(gl.float16, [2 * R, R], SWIZZLED)
    mbarrier.expect(once, 4 * R * R)
    tma.async_copy_global_to_shared(past_weights, [0, 0], once, first)
    async_copy.wait_group(AHEAD - 1)
    fence_async_shared()
    tl.debug_barrier()
    given = givens.index(0).permute((1, 0)).load(TALL).to(gl.float32)
    mbarrier.wait(once, 0)
    given = warpgroup_mma(first, pasts.index(0).permute((1, 0)), given)
    first._keep_alive()

    q = 0
    j = 0
    for t in range(n):
        if FORCED:
            token = gl.load(forced_ptr + flat_column * n + t, flat_slot >= 0, 0)
        r = gl.arange(0, R, layout=gl.SliceLayout(1, FLAT))
        x = gl.load(embedding_ptr + gl.expand_dims(token, 0) * R + gl.expand_dims(r, 1)).to(gl.float32)
        skip = warpgroup_mma_init(gl.zeros([S, B], gl.float32, layout=TALL))
        for layer in range(L):
            stage = q % STAGES
            wide_stage = j % WIDE_STAGES
            entry.permute((1, 0)).store(x.to(gl.float16))
            async_copy.wait_group(AHEAD - 2)
            fence_async_shared()
            tl.debug_barrier()
            # All have done with the layer before.
            mbarrier.arrive(empty.index((q + STAGES - 1) % STAGES), pred=q > 0)
            mbarrier.wait(full.index(stage), q // STAGES & 1)
            h = warpgroup_mma(current.index(stage), entry.permute((1, 0)), given, is_async=True)
            row = queue_row(layer, past_index + t, table_ptr, L, CYCLE) * R
            kept = gl.arange(0, R, layout=gl.SliceLayout(0, PAST))[None, :]
            gl.store(gl.expand_dims(queue, 1) + gl.expand_dims(row, 1) + kept, entry.load(PAST), past_active)
            fetch(q + AHEAD, past_index, queue, conditioning, phase, frames, pasts, givens, table_ptr, L, CYCLE, HOP, R, PAST, GIVEN, AHEAD)
            wish = givens.index((q + 1) % AHEAD).permute((1, 0)).load(TALL).to(gl.float32)
            h, skip = warpgroup_mma_wait(0, deps=[h, skip])
            given = warpgroup_mma(past.index(stage), pasts.index((q + 1) % AHEAD).permute((1, 0)), wish, is_async=True)
            z = activations.index(q % 2)
            z.permute((1, 0)).store(gate(h, R, B, APPROXIMATE).to(gl.float16))
            fence_async_shared()
            tl.debug_barrier()
            mbarrier.arrive(wide_empty.index((j + WIDE_STAGES - 1) % WIDE_STAGES), pred=layer > 0)
            x = warpgroup_mma(residual.index(stage), z.permute((1, 0)), x, is_async=True)
            mbarrier.wait(wide_full.index(wide_stage), j // WIDE_STAGES & 1)
            skip = warpgroup_mma(wide.index(wide_stage), z.permute((1, 0)), skip, is_async=True)
            x, given = warpgroup_mma_wait(1, deps=[x, given])
            given = settled(given)
            q += 1
            j += 1
        total = warpgroup_mma_wait(0, deps=[skip])
        summed = gl.allocate_shared_memory(gl.float16, [B, S], SWIZZLED)
        summed.permute((1, 0)).store(relu(total + gl.expand_dims(skip_bias, 1)).to(gl.float16))
        fence_async_shared()
        tl.debug_barrier()
        mbarrier.arrive(wide_empty.index((j + WIDE_STAGES - 1) % WIDE_STAGES))
        total, j = multiply(wide, summed, j, wide, wide_full, wide_empty, S, A, B, WIDE_STAGES, TALL)
        hidden = gl.allocate_shared_memory(gl.float16, [B, A], SWIZZLED)
        hidden.permute((1, 0)).store(relu(total + gl.expand_dims(hidden_bias, 1)).to(gl.float16))
        fence_async_shared()
        tl.debug_barrier()
        total, j = multiply(wide, hidden, j, wide, wide_full, wide_empty, A, A, B, WIDE_STAGES, TALL)
        values = gl.convert_layout(total + gl.expand_dims(output_bias, 1), DRAW)
        if FORCED:
            a = gl.arange(0, A, layout=gl.SliceLayout(1, DRAW))
            gl.store(logits_ptr + gl.expand_dims((column.to(gl.int64) * n + t) * A, 0) + gl.expand_dims(a, 1), values, gl.expand_dims(active, 0))
        drawn = draw(values, philox(seed, index + t), inverse, A)
        gl.store(drawn_ptr + column * n + t, drawn, active)
        token = gl.convert_layout(gl.maximum(drawn, 0), gl.SliceLayout(0, FLAT))
    gl.store(token_ptr + slot, gl.convert_layout(token, gl.SliceLayout(0, DRAW)), active)
    gl.store(index_ptr + slot, index + n, active)
    async_copy.wait_group(0)


@gluon.jit(do_not_specialize=["n", "frames", "first"])
def belt(
    embedding_ptr, past_weights, current_weights, residual_weights, skip_weights, skip_bias_ptr, hidden_weights,
    hidden_bias_ptr, output_weights, output_bias_ptr, table_ptr,
    queue_ptr, token_ptr, index_ptr, seed_ptr, inverse_ptr,
    slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr,
    n, frames, first,
    L: gl.constexpr, CYCLE: gl.constexpr, QUEUE: gl.constexpr, HOP: gl.constexpr, R: gl.constexpr, S: gl.constexpr,
    A: gl.constexpr, B: gl.constexpr, WARPS: gl.constexpr, STAGES: gl.constexpr, WIDE_STAGES: gl.constexpr, AHEAD: gl.constexpr, FORCED: gl.constexpr, APPROXIMATE: gl.constexpr,
):  # fmt: skip
    SWIZZLED: gl.constexpr = gl.NVMMASharedLayout(128, 16, 2)
    current = gl.allocate_shared_memory(gl.float16, [STAGES, 2 * R, R], SWIZZLED)
    residual = gl.allocate_shared_memory(gl.float16, [STAGES, R, R], SWIZZLED)
    past = gl.allocate_shared_memory(gl.float16, [STAGES, 2 * R, R], SWIZZLED)
    wide = gl.allocate_shared_memory(gl.float16, [WIDE_STAGES, S, 64], SWIZZLED)
    full = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    wide_full = gl.allocate_shared_memory(gl.int64, [WIDE_STAGES, 1], mbarrier.MBarrierLayout())
    wide_empty = gl.allocate_shared_memory(gl.int64, [WIDE_STAGES, 1], mbarrier.MBarrierLayout())
    once = gl.allocate_shared_memory(gl.int64, [1], mbarrier.MBarrierLayout())
    for i in gl.static_range(STAGES):
        mbarrier.init(full.index(i), count=1)
        mbarrier.init(empty.index(i), count=1)
    for i in gl.static_range(WIDE_STAGES):
        mbarrier.init(wide_full.index(i), count=1)
        mbarrier.init(wide_empty.index(i), count=1)
    mbarrier.init(once, count=1)
    fence_async_shared()
    tl.debug_barrier()
    program = gl.program_id(0) + first
    gl.warp_specialize(
        [
            (sample, (embedding_ptr, skip_bias_ptr, hidden_bias_ptr, output_bias_ptr, table_ptr, queue_ptr, token_ptr, index_ptr, seed_ptr,
                inverse_ptr, slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr, n, frames, program,
                past_weights, current, residual, past, full, empty, wide, wide_full, wide_empty, once,
                L, CYCLE, QUEUE, HOP, R, S, A, B, WARPS, STAGES, WIDE_STAGES, AHEAD, FORCED, APPROXIMATE)),
            (bring_layers, (n, current_weights, residual_weights, past_weights, current, residual, past, full, empty, L, R, STAGES)),
            (bring_wide, (n, skip_weights, hidden_weights, output_weights, wide, wide_full, wide_empty, L, R, S, A, WIDE_STAGES)),
        ],
        [1, 1],
        [24, 24],
    )
