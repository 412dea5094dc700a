"""The plan for few streams: one program goes down the chain of layers, helpers do what it need not wait for.

    helpers     given(t): each layer's product of the past, known before sample t begins, and its conditioning
    chain       waits for given(t) → the layers of sample t, which give z layer by layer
    helpers     skip sums from z as it comes, a share of the rows each
    chain       waits for the skip sums → head → draw, while the helpers make given(t + 1)

z and the skip sums are their own flags: where there is none yet stands MISSING, a NaN that no arithmetic gives. So
nothing in the chain of layers waits for memory, or says that it has written. Both have two buffers, for even and odd
samples: a buffer is cleared by who has read it, a sample later. What is left is counted: `progress`, the samples whose
layers are done, and `given`, the helpers that have made theirs. All programs must be on the GPU at once.

A wait gives up after PATIENCE looks: then what is missing is a NaN, and the sample -1.
"""

# ruff: noqa: N803
from __future__ import annotations

import triton
import triton.language as tl

from wavesynth.kernels.triton.head import relu
from wavesynth.kernels.triton.layers import queue_row

__all__ = ["arrived", "count", "help_chain", "reached"]

#: 0xFFFF: a NaN of half precision; the one that arithmetic gives is 0x7FFF.
MISSING = tl.constexpr(-1)
PATIENCE = tl.constexpr(1 << 20)


@triton.jit
def arrived(bits, pointers):
    """float16 values, whose `bits` have been looked at once, when all of them are there."""
    looks = 0
    while (tl.max(tl.max((bits == MISSING).to(tl.int32), 1), 0) > 0) & (looks < PATIENCE):
        bits = tl.load(pointers, volatile=True)
        looks += 1
    return bits.to(tl.float16, bitcast=True)


@triton.jit
def count(flag_ptr):
    """Counts one more, after all that this program has written."""
    tl.debug_barrier()
    tl.atomic_add(flag_ptr, 1, sem="release", scope="gpu")


@triton.jit
def reached(flag_ptr, target):
    """Whether the count came to `target`, before all that this program reads from now on; False when it gave up."""
    counted = tl.atomic_add(flag_ptr, 0, sem="acquire", scope="gpu")
    looks = 0
    while (counted < target) & (looks < PATIENCE):
        counted = tl.atomic_add(flag_ptr, 0, sem="acquire", scope="gpu")
        looks += 1
    tl.debug_barrier()
    return counted >= target


@triton.jit
def help_chain(
    helper, index, active, queue, conditioning, phase, bits, skipped, given, flag_ptr, past_weights,
    skip_weights, skip_bias_ptr, table_ptr, n, L: tl.constexpr, CYCLE: tl.constexpr, HOP: tl.constexpr,
    R: tl.constexpr, S: tl.constexpr, ROWS: tl.constexpr, B: tl.constexpr, HELPERS: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """What helper `helper` of a tile does for `n` samples: each HELPERS-th layer's past, ROWS of the skip sums."""
    r = tl.arange(0, R)[:, None]
    r2 = tl.arange(0, 2 * R)[:, None]
    m = tl.arange(0, ROWS)
    missing = tl.full((R, B), MISSING, tl.int16)
    for t in range(n):
        reached(flag_ptr, t)
        frame = conditioning + ((phase + t) // HOP) * (L * 2 * R)
        for layer in tl.range(helper, L, HELPERS, num_stages=STAGES):
            row = queue_row(layer, index, table_ptr, L, CYCLE) * R
            past = tl.load(queue[None, :] + row[None, :] + r, active[None, :], 0.0, cache_modifier=".cg")
            h = tl.load(frame[None, :] + layer * 2 * R + r2, active[None, :], 0.0).to(tl.float32)
            h = tl.dot(past_weights.load([layer * 2 * R, 0]), past, h)
            tl.store(given[None, :] + layer * 2 * R + r2, h)
        count(flag_ptr + 1)
        reached(flag_ptr + 1, (t + 1) * HELPERS)  # by then every helper has cleared its part of this buffer
        now = bits + (t % 2) * (L * R)
        seen = tl.load(now[None, :] + r, volatile=True)
        total = tl.zeros((ROWS, B), tl.float32)
        for layer in tl.range(L, num_stages=STAGES):
            z = arrived(seen, now[None, :] + layer * R + r)
            seen = tl.load(now[None, :] + tl.minimum(layer + 1, L - 1) * R + r, volatile=True)
            total = tl.dot(skip_weights.load([helper * ROWS, layer * R]), z, total)
        total = relu(total + tl.load(skip_bias_ptr + helper * ROWS + m)[:, None])
        tl.store(skipped[None, :] + (t % 2) * S + helper * ROWS + m[:, None], total.to(tl.float16))
        before = bits + (1 - t % 2) * (L * R)
        for layer in range(helper, L, HELPERS):
            tl.store(before[None, :] + layer * R + r, missing)
        index += 1
