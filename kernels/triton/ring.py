"""The plan for a stream that is to be as fast as it can be: programs in a ring, whose weights stay in registers.

    layers 0..G-1 → layers G..2G-1 → ... → heads: skip sums → heads: hidden → heads: logits → draw, in the first program

A layer's three matrices of what each sample waits for (the present, twice, and the residual) are read once a launch.
A thread has part of a row of each, so that a product is a sum within the thread and one among few lanes, and only its
result goes through shared memory. What need not be waited for is done while the sample is elsewhere: the products of
the past, in the programs of their layers; the skip products, in the heads, as z comes.

A value is handed on as 64 bits: its own, and above them the number of its sample. So whoever waits for it sees by
the value itself that it is there, and nothing needs clearing or counting: until a sample's class is drawn, nobody
writes for the next one. All programs of a stream must be on the GPU at once. A wait gives up after PATIENCE looks: then
what is missing is a NaN, and the sample -1.

Sums are made in another order than on a tensor core: samples are not bit for bit those of the other plans.
"""

# Triton takes a jit function's constants in capitals, its own too.
# ruff: noqa: N803, N806
from __future__ import annotations

import triton
import triton.language as tl

from wavesynth.kernels.triton.draw import choice, is_finite, philox, squash
from wavesynth.kernels.triton.head import relu
from wavesynth.kernels.triton.layers import queue_row

__all__ = ["ring"]

PATIENCE = tl.constexpr(1 << 20)
#: Columns of a matrix that a thread has side by side: 16 bytes of half precision.
SIDE = tl.constexpr(8)


@triton.jit
def matrix(row, column, ROWS: tl.constexpr, COLUMNS: tl.constexpr, LANES: tl.constexpr):
    """Rows and columns of a matrix, `row` [1, ROWS, 1, 1] and `column` [LANES, 1, COLUMNS / 8 LANES, 8] on."""
    DEPTH: tl.constexpr = COLUMNS // (LANES * SIDE)
    lane = tl.arange(0, LANES)[:, None, None, None]
    deep = tl.arange(0, DEPTH)[None, None, :, None]
    side = tl.arange(0, SIDE)[None, None, None, :]
    return row + tl.arange(0, ROWS)[None, :, None, None], column + (lane * DEPTH + deep) * SIDE + side


@triton.jit
def times(weights, x, LANES: tl.constexpr):
    """weights [LANES, ROWS, DEPTH, 8] times x [columns], both rounded to half precision: [ROWS]."""
    x = tl.reshape(x.to(tl.float16), (LANES, 1, weights.shape[2], SIDE)).to(tl.float32)
    return summed(weights.to(tl.float32) * x)


@triton.jit
def summed(products):
    """The sums of rows, [ROWS], of a matrix's products [LANES, ROWS, DEPTH, 8]."""
    return tl.sum(tl.sum(tl.sum(products, 3), 2), 0)


@triton.jit
def send(pointers, values, sample):
    """Hands on float32 `values` of `sample`."""
    bits = values.to(tl.int32, bitcast=True).to(tl.int64) & 0xFFFFFFFF
    number = (
        bits ^ bits
    ) + sample  # int64, also in the interpreter, where a `range` variable is a Python int
    tl.store(pointers, (number << 32) + bits)


@triton.jit
def elements(SIZE: tl.constexpr, COPIES: tl.constexpr):
    """What `receive` takes: 0 to SIZE - 1, each COPIES times."""
    return tl.arange(0, SIZE * COPIES) // COPIES


@triton.jit
def receive(pointers, sample, SIZE: tl.constexpr, COPIES: tl.constexpr):
    """The float32 values [SIZE] of `sample`, when all of them are there; `pointers` are those of `elements`.

    As many copies as make an element for each thread: threads that had the same one would each look for themselves, and
    only one of them would be asked whether it has seen it.
    """
    seen = tl.load(pointers, volatile=True)
    looks = 0
    while (tl.min((seen >> 32).to(tl.int32), 0) < sample) & (looks < PATIENCE):
        seen = tl.load(pointers, volatile=True)
        looks += 1
    values = seen.to(tl.int32).to(tl.float32, bitcast=True)
    values = tl.where((seen >> 32).to(tl.int32) == sample, values, float("nan"))
    if COPIES > 1:
        values = tl.max(tl.reshape(values, (SIZE, COPIES)), 1)
    # Changes nothing but the layout: without it, the compiler turns the weights to the values' and not these to theirs.
    return tl.sum(values[None, :], 0)


@triton.jit
def _past(
    layer, index, queue, frame, given, past_ptr, table_ptr, L: tl.constexpr, CYCLE: tl.constexpr, R: tl.constexpr,
    LANES: tl.constexpr,
):  # fmt: skip
    """Writes what `layer` adds to its gate's inputs besides the present: [2, R], filtered and gated."""
    r = tl.arange(0, R)
    row, column = matrix(0, 0, R, R, LANES)
    at = past_ptr + (layer * 2 * R + alternate(row)) * R + column
    place = queue_row(layer, index, table_ptr, L, CYCLE) * R
    past = tl.load(queue + place + column).to(tl.float32)
    for half in tl.static_range(2):
        wanted = tl.load(frame + layer * 2 * R + alternate(r) + half * 8).to(tl.float32)
        tl.store(given + half * R + r, summed(tl.load(at + half * 8 * R).to(tl.float32) * past) + wanted)


@triton.jit
def alternate(row):
    """The row of a gate's matrices that channel `row` of the filter has; its gate is 8 rows on (network.interleave)."""
    return (row // 8) * 16 + row % 8


@triton.jit
def _layers(
    first, index, queue, conditioning, phase, token, seed, inverse, forced, drawn, given_logits, inbox, outbox,
    z_box, logit_box, given_box, embedding_ptr, past_ptr, current_ptr, residual_ptr, table_ptr, n,
    L: tl.constexpr, CYCLE: tl.constexpr, HOP: tl.constexpr, R: tl.constexpr, A: tl.constexpr, GROUP: tl.constexpr,
    LANES: tl.constexpr, THREADS: tl.constexpr, FORCED: tl.constexpr, APPROXIMATE: tl.constexpr,
):  # fmt: skip
    """Layers `first` to `first + GROUP`; in the program of layer 0, the draw and the embedding before them."""
    R_COPIES: tl.constexpr = triton.cdiv(THREADS, R)
    A_COPIES: tl.constexpr = triton.cdiv(THREADS, A)
    r = tl.arange(0, R)
    a = tl.arange(0, A)
    present = ()
    residual = ()
    for g in tl.static_range(GROUP):
        layer = tl.minimum(first + g, L - 1)
        row, column = matrix(0, 0, R, R, LANES)
        at = current_ptr + (layer * 2 * R + alternate(row)) * R + column
        present += (tl.load(at).to(tl.float32), tl.load(at + 8 * R).to(tl.float32))
        residual += (tl.load(residual_ptr + (layer * R + row) * R + column).to(tl.float32),)
    logits = tl.zeros((A,), tl.float32)
    last = token
    for t in range(n + 1):
        random = philox(seed, index - 1)
        # Known before the sample comes: each layer's product of the past, and its conditioning. In a loop that is one,
        # through memory, since the registers are taken.
        if t < n:
            frame = conditioning + ((phase + t) // HOP) * (L * 2 * R)
            for behind in range(GROUP):
                _past(
                    tl.minimum(first + behind, L - 1), index, queue, frame, given_box + behind * 2 * R, past_ptr,
                    table_ptr, L, CYCLE, R, LANES,
                )  # fmt: skip
        tl.debug_barrier()
        given = ()
        for half in tl.static_range(2 * GROUP):
            given += (tl.load(given_box + half * R + r),)
        if first == 0:
            if t > 0:
                logits = receive(logit_box + elements(A, A_COPIES), t, A, A_COPIES)
                token = choice(logits[:, None], random, inverse, A, APPROXIMATE)
            last = token
            if FORCED:
                token = tl.where(t < n, tl.load(forced + tl.minimum(t, n - 1) + tl.arange(0, 1)), token)
            x = tl.load(embedding_ptr + token * R + r).to(tl.float32)
        elif t < n:
            x = receive(inbox + elements(R, R_COPIES), t + 1, R, R_COPIES)
        else:
            x = tl.zeros((R,), tl.float32)
        if t < n:
            entries = ()
            activations = ()
            for g in tl.static_range(GROUP):
                entries += (x.to(tl.float16),)
                z = tl.zeros((R,), tl.float32)
                if first + g < L:
                    f = times(present[2 * g], x, LANES) + given[2 * g]
                    q = times(present[2 * g + 1], x, LANES) + given[2 * g + 1]
                    z = squash(f, q, APPROXIMATE)
                    x += times(residual[g], z, LANES)
                activations += (z,)
            if first + GROUP < L:
                send(outbox + r, x, t + 1)
            # Stores are in another layout: not before x is on its way.
            for g in tl.static_range(GROUP):
                if first + g < L:
                    send(z_box + (first + g) * R + r, activations[g], t + 1)
            for g in tl.static_range(GROUP):
                if first + g < L:
                    place = queue_row(first + g, index, table_ptr, L, CYCLE) * R
                    tl.store(queue + place + r, entries[g])
            index += 1
        if (first == 0) & (t > 0):
            if FORCED:
                tl.store(given_logits + (t - 1) * A + a, logits)
            # Not before the next sample is on its way.
            finite = is_finite(logits[:, None])
            tl.store(drawn + t - 1 + tl.arange(0, 1), tl.where(finite, last, -1))
        tl.debug_barrier()  # what is in the queues now, other threads read
    return token, index


@triton.jit
def _heads(
    head, z_box, skip_box, hidden_box, logit_box, skip_ptr, skip_bias_ptr, hidden_ptr, hidden_bias_ptr, output_ptr,
    output_bias_ptr, n, L: tl.constexpr, R: tl.constexpr, S: tl.constexpr, A: tl.constexpr, GROUP: tl.constexpr,
    HEADS: tl.constexpr, LANES: tl.constexpr, THREADS: tl.constexpr,
):  # fmt: skip
    """Head `head`: its share of the rows of the skip sums, of the hidden layer, and of the logits."""
    SKIPS: tl.constexpr = S // HEADS
    CLASSES: tl.constexpr = A // HEADS
    S_COPIES: tl.constexpr = triton.cdiv(THREADS, S)
    A_COPIES: tl.constexpr = triton.cdiv(THREADS, A)
    Z_COPIES: tl.constexpr = triton.cdiv(THREADS, GROUP * R)
    s, a, z = elements(S, S_COPIES), elements(A, A_COPIES), elements(GROUP * R, Z_COPIES)
    m, c = head * SKIPS + tl.arange(0, SKIPS), head * CLASSES + tl.arange(0, CLASSES)
    skip_bias, hidden_bias = tl.load(skip_bias_ptr + m), tl.load(hidden_bias_ptr + c)
    output_bias = tl.load(output_bias_ptr + c)
    for t in range(1, n + 1):
        total = tl.zeros((SKIPS,), tl.float32)
        # Weights are loaded first, so that they come while what they are multiplied with is waited for.
        for first in range(0, L, GROUP):
            skips, column = matrix(head * SKIPS, first * R, SKIPS, GROUP * R, LANES)
            weights = tl.load(skip_ptr + skips * (L * R) + column, column < L * R, 0.0)
            # A last group that is not whole: layer 0 stands in for those that are not there, with weights of zero.
            among = tl.where(first * R + z < L * R, first * R + z, z % R)
            total += times(weights, receive(z_box + among, t, GROUP * R, Z_COPIES), LANES)
        classes, sums = matrix(head * CLASSES, 0, CLASSES, S, LANES)
        weights = tl.load(hidden_ptr + classes * S + sums)
        send(skip_box + m, relu(total + skip_bias), t)
        hidden = times(weights, receive(skip_box + s, t, S, S_COPIES), LANES)
        classes, units = matrix(head * CLASSES, 0, CLASSES, A, LANES)
        weights = tl.load(output_ptr + classes * A + units)
        send(hidden_box + c, relu(hidden + hidden_bias), t)
        send(logit_box + c, times(weights, receive(hidden_box + a, t, A, A_COPIES), LANES) + output_bias, t)


@triton.jit(do_not_specialize=["n", "frames", "first"])
def ring(
    embedding_ptr, past_ptr, current_ptr, residual_ptr, skip_ptr, skip_bias_ptr, hidden_ptr, hidden_bias_ptr,
    output_ptr, output_bias_ptr, table_ptr, queue_ptr, token_ptr, index_ptr, seed_ptr, inverse_ptr, slot_ptr,
    conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr, box_ptr, given_ptr, n, frames, first,
    L: tl.constexpr, CYCLE: tl.constexpr, QUEUE: tl.constexpr, HOP: tl.constexpr, R: tl.constexpr, S: tl.constexpr,
    A: tl.constexpr, GROUP: tl.constexpr, CHAIN: tl.constexpr, HEADS: tl.constexpr, BOX: tl.constexpr,
    R_LANES: tl.constexpr, HEAD_LANES: tl.constexpr, THREADS: tl.constexpr, FORCED: tl.constexpr,
    APPROXIMATE: tl.constexpr,
):  # fmt: skip
    """The next `n` samples of the streams in the slots `slot_ptr`, CHAIN + HEADS programs each: see `launch`."""
    program = tl.program_id(0) + first
    column = (program // (CHAIN + HEADS)).to(tl.int64)
    role = program % (CHAIN + HEADS)
    # One stream, but as a tensor: what the draw takes.
    slot = tl.load(slot_ptr + column + tl.arange(0, 1))
    active = tl.max(slot, 0) >= 0
    slot = tl.maximum(slot, 0).to(tl.int64)
    index, seed = tl.load(index_ptr + slot), tl.load(seed_ptr + slot)
    token, inverse = tl.load(token_ptr + slot), tl.load(inverse_ptr + slot)
    box = box_ptr + column * BOX
    z_box = box + CHAIN * R
    skip_box = z_box + L * R
    hidden_box, logit_box = skip_box + S, skip_box + (S + A)
    if active:
        if role < CHAIN:
            sample = tl.max(index, 0)
            queue = queue_ptr + tl.max(slot, 0) * (QUEUE * R)
            conditioning = conditioning_ptr + column * frames * (L * 2 * R)
            token, _ = _layers(
                role * GROUP, sample, queue, conditioning, (sample % HOP).to(tl.int32), token, seed, inverse,
                forced_ptr + column * n, drawn_ptr + column * n, logits_ptr + column * n * A, box + role * R,
                box + (role + 1) * R, z_box, logit_box, given_ptr + (column * CHAIN + role) * (GROUP * 2 * R),
                embedding_ptr, past_ptr, current_ptr, residual_ptr, table_ptr, n, L, CYCLE, HOP, R, A, GROUP, R_LANES,
                THREADS, FORCED, APPROXIMATE,
            )  # fmt: skip
            if role == 0:
                tl.store(token_ptr + slot, token)
                tl.store(index_ptr + slot, index + n)
        else:
            _heads(
                role - CHAIN, z_box, skip_box, hidden_box, logit_box, skip_ptr, skip_bias_ptr, hidden_ptr,
                hidden_bias_ptr, output_ptr, output_bias_ptr, n, L, R, S, A, GROUP, HEADS, HEAD_LANES, THREADS,
            )  # fmt: skip
