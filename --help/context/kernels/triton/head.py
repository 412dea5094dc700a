"""The head of one sample, inside the kernel: skip sums to logits, in blocks of rows and columns."""

# ruff: noqa: N803
from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["head", "product", "rectified", "relu"]


@triton.jit
def relu(x):
    """x where it is positive, else 0; what is not a number stays so, for the draw to see."""
    return tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def product(
    weights, inputs, row, K: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, B: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Rows `row` to `row + ROWS` of `weights` [.., K] times the columns that `inputs` [B] point at: [ROWS, B]."""
    c = tl.arange(0, COLUMNS)[:, None]
    total = tl.zeros((ROWS, B), tl.float32)
    for k in tl.range(0, K, COLUMNS, num_stages=STAGES):
        total = tl.dot(weights.load([row, k]), tl.load(inputs[None, :] + k + c), total)
    return total


@triton.jit
def rectified(
    weights, bias_ptr, inputs, outputs, OUT: tl.constexpr, K: tl.constexpr, ROWS: tl.constexpr,
    COLUMNS: tl.constexpr, B: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Writes relu(weights · inputs + bias), float16, to where `outputs` [B] point."""
    m = tl.arange(0, ROWS)
    for block in tl.static_range(0, OUT, ROWS):
        total = product(weights, inputs, block, K, ROWS, COLUMNS, B, STAGES)
        total = relu(total + tl.load(bias_ptr + block + m)[:, None])
        tl.store(outputs[None, :] + block + m[:, None], total.to(tl.float16))


@triton.jit
def head(
    hidden_weights, hidden_bias_ptr, output_weights, output_bias_ptr, skip, hidden, logits, S: tl.constexpr,
    A: tl.constexpr, ROWS: tl.constexpr, S_COLUMNS: tl.constexpr, A_COLUMNS: tl.constexpr, B: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Logits [A, B] from the rectified skip sums that `skip` [B] point at, through `hidden` and `logits` in memory."""
    m = tl.arange(0, ROWS)
    tl.debug_barrier()
    rectified(hidden_weights, hidden_bias_ptr, skip, hidden, A, S, ROWS, S_COLUMNS, B, STAGES)
    tl.debug_barrier()
    for block in tl.static_range(0, A, ROWS):
        total = product(output_weights, hidden, block, A, ROWS, A_COLUMNS, B, STAGES)
        total += tl.load(output_bias_ptr + block + m)[:, None]
        tl.store(logits[None, :] + block + m[:, None], total)
    # Through memory, so that the draw may have them in a layout of its own.
    tl.debug_barrier()
    return tl.load(logits[None, :] + tl.arange(0, A)[:, None])
