"""The consumer warps of the warp-specialized kernel: the samples, from weights that the producers bring.

Skip sums are made beside the chain of layers: z is a product's factor twice, and is written to shared memory one time.
In the same way the past of the next layer is multiplied beside the gate of this one, which needs no tensor core. A
layer is two turns through shared memory, each with one fence and barrier.
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

__all__ = ["SWIZZLED", "consume"]

#: How matrices lie in shared memory: in rows of 128 bytes, R = 64 numbers.
SWIZZLED = gl.constexpr(gl.NVMMASharedLayout(128, 16, 2))


@gluon.jit
def _prefetch(
    q, index, queue, conditioning, phase, frames, pasts, conditions, table_ptr, L: gl.constexpr, CYCLE: gl.constexpr,
    HOP: gl.constexpr, R: gl.constexpr, AHEAD: gl.constexpr, PAST: gl.constexpr, CONDITION: gl.constexpr,
):  # fmt: skip
    """Begins to bring what layer q % L has of memory at sample q // L: its past, [B, R], and conditioning, [B, 2R]."""
    t, layer = q // L, q % L
    row = queue_row(layer, index + t, table_ptr, L, CYCLE) * R
    r = gl.arange(0, R, layout=gl.SliceLayout(0, PAST))
    from_queue = gl.expand_dims(queue + row, 1) + gl.expand_dims(r, 0)
    async_copy.async_copy_global_to_shared(pasts.index(q % AHEAD), from_queue)
    # What is begun at the end of a launch is never used, and its frame may be none.
    frame = gl.minimum((phase + t) // HOP, frames - 1)
    r2 = gl.arange(0, 2 * R, layout=gl.SliceLayout(0, CONDITION))
    from_conditioning = gl.expand_dims(
        conditioning + frame * (L * 2 * R) + layer * 2 * R, 1
    ) + gl.expand_dims(r2, 0)
    async_copy.async_copy_global_to_shared(conditions.index(q % AHEAD), from_conditioning)
    async_copy.commit_group()


@gluon.jit
def _own_registers(x):
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
def consume(
    embedding_ptr, past_weights, skip_bias_ptr, hidden_bias_ptr, output_bias_ptr, table_ptr, queue_ptr, token_ptr,
    index_ptr, seed_ptr, inverse_ptr, slot_ptr, conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr, n, frames, program,
    current, current_full, current_empty, residual, past, full, empty, wide, wide_full, wide_empty, first_full,
    L: gl.constexpr, CYCLE: gl.constexpr, QUEUE: gl.constexpr, HOP: gl.constexpr, R: gl.constexpr, S: gl.constexpr,
    A: gl.constexpr, B: gl.constexpr, WARPS: gl.constexpr, STAGES: gl.constexpr, WIDE_STAGES: gl.constexpr,
    AHEAD: gl.constexpr, FORCED: gl.constexpr, APPROXIMATE: gl.constexpr,
):  # fmt: skip
    """The next `n` samples of a tile of streams, from the weights that the producers bring."""
    # Where a product's sums are: of 2R, S or A rows each four warps have some, of R rows they have some columns.
    TALL: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [WARPS, 1], [16, B, 16])
    FLAT: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, WARPS // 4], [16, B // (WARPS // 4), 16])
    # A thread copies 16 bytes of a stream; a warp has all logits of four streams.
    PAST: gl.constexpr = gl.BlockedLayout([1, 8], [4, 8], [WARPS, 1], [1, 0])
    CONDITION: gl.constexpr = gl.BlockedLayout([1, 8], [2, 16], [WARPS, 1], [1, 0])
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

    condition_column = program * B + gl.arange(0, B, layout=gl.SliceLayout(1, CONDITION))
    condition_slot = gl.load(slot_ptr + condition_column)
    condition_column = gl.where(condition_slot >= 0, condition_column, 0).to(gl.int64)
    phase = (gl.load(index_ptr + gl.maximum(condition_slot, 0)) % HOP).to(gl.int32)
    conditioning = conditioning_ptr + condition_column * frames * (L * 2 * R)

    flat_column = program * B + gl.arange(0, B, layout=gl.SliceLayout(0, FLAT))
    flat_slot = gl.load(slot_ptr + flat_column)
    token = gl.load(token_ptr + gl.maximum(flat_slot, 0))

    skip_bias = gl.load(skip_bias_ptr + gl.arange(0, S, layout=gl.SliceLayout(1, TALL)))
    hidden_bias = gl.load(hidden_bias_ptr + gl.arange(0, A, layout=gl.SliceLayout(1, TALL)))
    output_bias = gl.load(output_bias_ptr + gl.arange(0, A, layout=gl.SliceLayout(1, TALL)))

    pasts = gl.allocate_shared_memory(gl.float16, [AHEAD, B, R], SWIZZLED)
    conditions = gl.allocate_shared_memory(gl.float16, [AHEAD, B, 2 * R], SWIZZLED)

    for q in gl.static_range(AHEAD):
        _prefetch(
            q, past_index, queue, conditioning, phase, frames, pasts, conditions, table_ptr, L, CYCLE, HOP, R, AHEAD,
            PAST, CONDITION,
        )  # fmt: skip
    # The past of the first layer, which no layer before it multiplies.
    first = gl.allocate_shared_memory(gl.float16, [2 * R, R], SWIZZLED)
    mbarrier.expect(first_full, 4 * R * R)
    tma.async_copy_global_to_shared(past_weights, [0, 0], first_full, first)
    async_copy.wait_group(AHEAD - 2)
    fence_async_shared()
    tl.debug_barrier()
    gate_input = conditions.index(0).permute((1, 0)).load(TALL).to(gl.float32)
    mbarrier.wait(first_full, 0)
    gate_input = warpgroup_mma(first, pasts.index(0).permute((1, 0)), gate_input)
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
            h = warpgroup_mma(current.index(stage), entry.permute((1, 0)), gate_input, is_async=True)
            # At the barrier all had done with the layer before.
            mbarrier.arrive(empty.index((q + STAGES - 1) % STAGES), pred=q > 0)
            next_condition = conditions.index((q + 1) % AHEAD).permute((1, 0)).load(TALL).to(gl.float32)
            row = queue_row(layer, past_index + t, table_ptr, L, CYCLE) * R
            kept = gl.arange(0, R, layout=gl.SliceLayout(0, PAST))
            gl.store(gl.expand_dims(queue + row, 1) + gl.expand_dims(kept, 0), entry.load(PAST), past_active)
            h, skip = warpgroup_mma_wait(0, deps=[h, skip])
            mbarrier.wait(full.index(stage), parity)
            before = pasts.index((q + 1) % AHEAD).permute((1, 0))
            gate_input = warpgroup_mma(past.index(stage), before, next_condition, is_async=True)
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
            _prefetch(
                q + AHEAD, past_index, queue, conditioning, phase, frames, pasts, conditions, table_ptr, L, CYCLE, HOP,
                R, AHEAD, PAST, CONDITION,
            )  # fmt: skip
            x, gate_input = warpgroup_mma_wait(1, deps=[x, gate_input])
            gate_input = _own_registers(gate_input)
            q += 1
            j += 1
        total = warpgroup_mma_wait(0, deps=[skip])
        logits, j = _head(
            total, skip_bias, hidden_bias, output_bias, j, wide, wide_full, wide_empty, R, S, A, B, WIDE_STAGES, TALL
        )  # fmt: skip
        values = gl.convert_layout(logits, DRAW)
        if FORCED:
            a = gl.arange(0, A, layout=gl.SliceLayout(1, DRAW))
            at = gl.expand_dims((column.to(gl.int64) * n + t) * A, 0) + gl.expand_dims(a, 1)
            gl.store(logits_ptr + at, values, gl.expand_dims(active, 0))
        drawn = draw(values, philox(seed, index + t), inverse, A)
        gl.store(drawn_ptr + column * n + t, drawn, active)
        token = gl.convert_layout(gl.maximum(drawn, 0), gl.SliceLayout(0, FLAT))
    gl.store(token_ptr + slot, gl.convert_layout(token, gl.SliceLayout(0, DRAW)), active)
    gl.store(index_ptr + slot, index + n, active)
    async_copy.wait_group(0)
