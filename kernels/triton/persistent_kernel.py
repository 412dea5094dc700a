"""The persistent kernel: several CTAs (programs) for each stream, whose weights stay in registers.

    layers 0..G-1 → layers G..2G-1 → ... → heads: skip sums → heads: hidden → heads: logits → draw, in the first CTA

A layer CTA keeps LAYERS_PER_CTA layers: the three matrices that each sample waits for (the present, twice, and the
residual) are read once a launch. A thread has part of a row of each, so that a product is a sum within the thread and
one among few lanes, and only its result goes through shared memory. What need not be waited for is done while the
sample is elsewhere: the products of the past, in their layers' CTAs; the skip products, in the head CTAs, as z comes.

CTAs hand values on through mailboxes in memory. An entry has 64 bits: the value, and above it the number of its sample
as a tag. So a receiver sees by the tag that the value is there, and nothing needs clearing or counting: until a
sample's class is drawn, nobody writes for the next one. All CTAs of a stream must be on the GPU at once. A receiver
gives up after PATIENCE looks: then the missing value is a NaN, and the sample -1.

Sums are made in another order than on a tensor core: samples are not bit for bit those of the other variants.
"""

# Triton takes a jit function's constants in capitals, its own too.
# ruff: noqa: N803, N806
from __future__ import annotations

import triton
import triton.language as tl

from wavesynth.kernels.triton.draw import choice, is_finite, philox, squash
from wavesynth.kernels.triton.head import relu
from wavesynth.kernels.triton.layers import queue_row

__all__ = ["persistent_kernel"]

PATIENCE = tl.constexpr(1 << 20)
#: Columns of a matrix that a thread has side by side: 16 bytes of half precision.
SIDE = tl.constexpr(8)


@triton.jit
def matrix_indices(row, column, ROWS: tl.constexpr, COLUMNS: tl.constexpr, LANES: tl.constexpr):
    """Rows and columns of a matrix, `row` [1, ROWS, 1, 1] and `column` [LANES, 1, COLUMNS / 8 LANES, 8] on."""
    DEPTH: tl.constexpr = COLUMNS // (LANES * SIDE)
    lane = tl.arange(0, LANES)[:, None, None, None]
    deep = tl.arange(0, DEPTH)[None, None, :, None]
    side = tl.arange(0, SIDE)[None, None, None, :]
    return row + tl.arange(0, ROWS)[None, :, None, None], column + (lane * DEPTH + deep) * SIDE + side


@triton.jit
def matvec(weights, x, LANES: tl.constexpr):
    """weights [LANES, ROWS, DEPTH, 8] times x [columns], both rounded to half precision: [ROWS]."""
    x = tl.reshape(x.to(tl.float16), (LANES, 1, weights.shape[2], SIDE)).to(tl.float32)
    return row_sums(weights.to(tl.float32) * x)


@triton.jit
def row_sums(products):
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
def element_indices(SIZE: tl.constexpr, COPIES: tl.constexpr):
    """The indices that `receive` reads: 0 to SIZE - 1, each COPIES times."""
    return tl.arange(0, SIZE * COPIES) // COPIES


@triton.jit
def receive(pointers, sample, SIZE: tl.constexpr, COPIES: tl.constexpr):
    """The float32 values [SIZE] of `sample`, when all of them are there; `pointers` are those of `element_indices`.

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
def _store_gate_inputs(
    layer, index, queue, frame, gate_input, past_ptr, table_ptr, L: tl.constexpr, CYCLE: tl.constexpr, R: tl.constexpr,
    LANES: tl.constexpr,
):  # fmt: skip
    """Writes the gate's inputs of `layer` except for the present's part: [2, R], filtered and gated."""
    r = tl.arange(0, R)
    row, column = matrix_indices(0, 0, R, R, LANES)
    at = past_ptr + (layer * 2 * R + interleaved_row(row)) * R + column
    place = queue_row(layer, index, table_ptr, L, CYCLE) * R
    past = tl.load(queue + place + column).to(tl.float32)
    for half in tl.static_range(2):
        conditioned = tl.load(frame + layer * 2 * R + interleaved_row(r) + half * 8).to(tl.float32)
        tl.store(
            gate_input + half * R + r,
            row_sums(tl.load(at + half * 8 * R).to(tl.float32) * past) + conditioned,
        )


@triton.jit
def interleaved_row(row):
    """The row of a gate's matrices that channel `row` of the filter has; its gate is 8 rows on (network.interleave)."""
    return (row // 8) * 16 + row % 8


@triton.jit
def _layer_cta(
    first, index, queue, conditioning, phase, token, seed, inverse, forced, drawn, forced_logits, in_mailbox,
    out_mailbox, z_mailbox, logit_mailbox, gate_inputs, embedding_ptr, past_ptr, current_ptr, residual_ptr, table_ptr,
    n, L: tl.constexpr, CYCLE: tl.constexpr, HOP: tl.constexpr, R: tl.constexpr, A: tl.constexpr,
    LAYERS_PER_CTA: tl.constexpr, LANES: tl.constexpr, THREADS: tl.constexpr, FORCED: tl.constexpr,
    APPROXIMATE: tl.constexpr,
):  # fmt: skip
    """Layers `first` to `first + LAYERS_PER_CTA`; in the CTA of layer 0, the draw and the embedding before them."""
    R_COPIES: tl.constexpr = triton.cdiv(THREADS, R)
    A_COPIES: tl.constexpr = triton.cdiv(THREADS, A)
    r = tl.arange(0, R)
    a = tl.arange(0, A)
    present = ()
    residual = ()
    for g in tl.static_range(LAYERS_PER_CTA):
        layer = tl.minimum(first + g, L - 1)
        row, column = matrix_indices(0, 0, R, R, LANES)
        at = current_ptr + (layer * 2 * R + interleaved_row(row)) * R + column
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
            for behind in range(LAYERS_PER_CTA):
                _store_gate_inputs(
                    tl.minimum(first + behind, L - 1), index, queue, frame, gate_inputs + behind * 2 * R, past_ptr,
                    table_ptr, L, CYCLE, R, LANES,
                )  # fmt: skip
        tl.debug_barrier()
        gate_input = ()
        for half in tl.static_range(2 * LAYERS_PER_CTA):
            gate_input += (tl.load(gate_inputs + half * R + r),)
        if first == 0:
            if t > 0:
                logits = receive(logit_mailbox + element_indices(A, A_COPIES), t, A, A_COPIES)
                token = choice(logits[:, None], random, inverse, A, APPROXIMATE)
            last = token
            if FORCED:
                token = tl.where(t < n, tl.load(forced + tl.minimum(t, n - 1) + tl.arange(0, 1)), token)
            x = tl.load(embedding_ptr + token * R + r).to(tl.float32)
        elif t < n:
            x = receive(in_mailbox + element_indices(R, R_COPIES), t + 1, R, R_COPIES)
        else:
            x = tl.zeros((R,), tl.float32)
        if t < n:
            entries = ()
            activations = ()
            for g in tl.static_range(LAYERS_PER_CTA):
                entries += (x.to(tl.float16),)
                z = tl.zeros((R,), tl.float32)
                if first + g < L:
                    f = matvec(present[2 * g], x, LANES) + gate_input[2 * g]
                    q = matvec(present[2 * g + 1], x, LANES) + gate_input[2 * g + 1]
                    z = squash(f, q, APPROXIMATE)
                    x += matvec(residual[g], z, LANES)
                activations += (z,)
            if first + LAYERS_PER_CTA < L:
                send(out_mailbox + r, x, t + 1)
            # Stores are in another layout: not before x is on its way.
            for g in tl.static_range(LAYERS_PER_CTA):
                if first + g < L:
                    send(z_mailbox + (first + g) * R + r, activations[g], t + 1)
            for g in tl.static_range(LAYERS_PER_CTA):
                if first + g < L:
                    place = queue_row(first + g, index, table_ptr, L, CYCLE) * R
                    tl.store(queue + place + r, entries[g])
            index += 1
        if (first == 0) & (t > 0):
            if FORCED:
                tl.store(forced_logits + (t - 1) * A + a, logits)
            # Not before the next sample is on its way.
            finite = is_finite(logits[:, None])
            tl.store(drawn + t - 1 + tl.arange(0, 1), tl.where(finite, last, -1))
        tl.debug_barrier()  # what is in the queues now, other threads read
    return token, index


@triton.jit
def _head_cta(
    head, z_mailbox, skip_mailbox, hidden_mailbox, logit_mailbox, skip_ptr, skip_bias_ptr, hidden_ptr, hidden_bias_ptr,
    output_ptr, output_bias_ptr, n, L: tl.constexpr, R: tl.constexpr, S: tl.constexpr, A: tl.constexpr,
    LAYERS_PER_CTA: tl.constexpr, HEAD_CTAS: tl.constexpr, LANES: tl.constexpr, THREADS: tl.constexpr,
):  # fmt: skip
    """Head CTA `head`: its share of the rows of the skip sums, of the hidden layer, and of the logits."""
    SKIPS: tl.constexpr = S // HEAD_CTAS
    CLASSES: tl.constexpr = A // HEAD_CTAS
    S_COPIES: tl.constexpr = triton.cdiv(THREADS, S)
    A_COPIES: tl.constexpr = triton.cdiv(THREADS, A)
    Z_COPIES: tl.constexpr = triton.cdiv(THREADS, LAYERS_PER_CTA * R)
    s, a, z = (
        element_indices(S, S_COPIES),
        element_indices(A, A_COPIES),
        element_indices(LAYERS_PER_CTA * R, Z_COPIES),
    )
    m, c = head * SKIPS + tl.arange(0, SKIPS), head * CLASSES + tl.arange(0, CLASSES)
    skip_bias, hidden_bias = tl.load(skip_bias_ptr + m), tl.load(hidden_bias_ptr + c)
    output_bias = tl.load(output_bias_ptr + c)
    for t in range(1, n + 1):
        total = tl.zeros((SKIPS,), tl.float32)
        # Weights are loaded first, so that they come while what they are multiplied with is waited for.
        for first in range(0, L, LAYERS_PER_CTA):
            skips, column = matrix_indices(head * SKIPS, first * R, SKIPS, LAYERS_PER_CTA * R, LANES)
            weights = tl.load(skip_ptr + skips * (L * R) + column, column < L * R, 0.0)
            # A last group that is not whole: layer 0 stands in for those that are not there, with weights of zero.
            among = tl.where(first * R + z < L * R, first * R + z, z % R)
            total += matvec(weights, receive(z_mailbox + among, t, LAYERS_PER_CTA * R, Z_COPIES), LANES)
        classes, sums = matrix_indices(head * CLASSES, 0, CLASSES, S, LANES)
        weights = tl.load(hidden_ptr + classes * S + sums)
        send(skip_mailbox + m, relu(total + skip_bias), t)
        hidden = matvec(weights, receive(skip_mailbox + s, t, S, S_COPIES), LANES)
        classes, units = matrix_indices(head * CLASSES, 0, CLASSES, A, LANES)
        weights = tl.load(output_ptr + classes * A + units)
        send(hidden_mailbox + c, relu(hidden + hidden_bias), t)
        send(
            logit_mailbox + c,
            matvec(weights, receive(hidden_mailbox + a, t, A, A_COPIES), LANES) + output_bias,
            t,
        )


@triton.jit(do_not_specialize=["n", "frames", "first"])
def persistent_kernel(
    embedding_ptr, past_ptr, current_ptr, residual_ptr, skip_ptr, skip_bias_ptr, hidden_ptr, hidden_bias_ptr,
    output_ptr, output_bias_ptr, table_ptr, queue_ptr, token_ptr, index_ptr, seed_ptr, inverse_ptr, slot_ptr,
    conditioning_ptr, forced_ptr, drawn_ptr, logits_ptr, mailbox_ptr, gate_input_ptr, n, frames, first,
    L: tl.constexpr, CYCLE: tl.constexpr, QUEUE: tl.constexpr, HOP: tl.constexpr, R: tl.constexpr, S: tl.constexpr,
    A: tl.constexpr, LAYERS_PER_CTA: tl.constexpr, LAYER_CTAS: tl.constexpr, HEAD_CTAS: tl.constexpr,
    MAILBOX: tl.constexpr, R_LANES: tl.constexpr, HEAD_LANES: tl.constexpr, THREADS: tl.constexpr,
    FORCED: tl.constexpr, APPROXIMATE: tl.constexpr,
):  # fmt: skip
    """The next `n` samples of the streams in the slots `slot_ptr`, LAYER_CTAS + HEAD_CTAS CTAs each: see `Launch`."""
    program = tl.program_id(0) + first
    column = (program // (LAYER_CTAS + HEAD_CTAS)).to(tl.int64)
    role = program % (LAYER_CTAS + HEAD_CTAS)
    # One stream, but as a tensor: what the draw takes.
    slot = tl.load(slot_ptr + column + tl.arange(0, 1))
    active = tl.max(slot, 0) >= 0
    slot = tl.maximum(slot, 0).to(tl.int64)
    index, seed = tl.load(index_ptr + slot), tl.load(seed_ptr + slot)
    token, inverse = tl.load(token_ptr + slot), tl.load(inverse_ptr + slot)
    mailbox = mailbox_ptr + column * MAILBOX
    z_mailbox = mailbox + LAYER_CTAS * R
    skip_mailbox = z_mailbox + L * R
    hidden_mailbox, logit_mailbox = skip_mailbox + S, skip_mailbox + (S + A)
    if active:
        if role < LAYER_CTAS:
            sample = tl.max(index, 0)
            queue = queue_ptr + tl.max(slot, 0) * (QUEUE * R)
            conditioning = conditioning_ptr + column * frames * (L * 2 * R)
            token, _ = _layer_cta(
                role * LAYERS_PER_CTA, sample, queue, conditioning, (sample % HOP).to(tl.int32), token, seed, inverse,
                forced_ptr + column * n, drawn_ptr + column * n, logits_ptr + column * n * A, mailbox + role * R,
                mailbox + (role + 1) * R, z_mailbox, logit_mailbox,
                gate_input_ptr + (column * LAYER_CTAS + role) * (LAYERS_PER_CTA * 2 * R), embedding_ptr, past_ptr,
                current_ptr, residual_ptr, table_ptr, n, L, CYCLE, HOP, R, A, LAYERS_PER_CTA, R_LANES, THREADS, FORCED,
                APPROXIMATE,
            )  # fmt: skip
            if role == 0:
                tl.store(token_ptr + slot, token)
                tl.store(index_ptr + slot, index + n)
        else:
            _head_cta(
                role - LAYER_CTAS, z_mailbox, skip_mailbox, hidden_mailbox, logit_mailbox, skip_ptr, skip_bias_ptr,
                hidden_ptr, hidden_bias_ptr, output_ptr, output_bias_ptr, n, L, R, S, A, LAYERS_PER_CTA, HEAD_CTAS,
                HEAD_LANES, THREADS,
            )  # fmt: skip
