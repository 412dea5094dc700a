"""The conditioning network of many frames at once, each of which comes out as if it were alone.

What a library makes of a product may depend on how many rows there are; this kernel's sums do not.
"""

# ruff: noqa: N803
from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from wavesynth.kernels.triton.network import PackedNetwork, interleave

__all__ = ["PackedConditioner", "linear", "pack_conditioner"]

#: Frames of a program's block.
_ROWS = 16
#: Outputs of a program's block.
_COLUMNS = 64
#: Inputs that a program multiplies at once.
_DEPTH = 64


@triton.jit(do_not_specialize=["m"])
def _linear(
    x_ptr, weights_ptr, bias_ptr, which_ptr, y_ptr, m, n, k, RELU: tl.constexpr, ROWS: tl.constexpr,
    COLUMNS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    rows = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    row_in, column_in = rows[:, None] < m, columns[None, :] < n
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, k, DEPTH):
        d = start + tl.arange(0, DEPTH)
        x = tl.load(x_ptr + rows[:, None] * k + d[None, :], row_in & (d[None, :] < k), 0.0)
        w = tl.load(weights_ptr + columns[None, :] * k + d[:, None], column_in & (d[:, None] < k), 0.0)
        total = tl.dot(x, w, total)
    which = tl.load(which_ptr + rows, rows < m, 0).to(tl.int64)
    total += tl.load(bias_ptr + which[:, None] * n + columns[None, :], row_in & column_in, 0.0)
    if RELU:
        total = tl.maximum(total, 0.0)
    tl.store(y_ptr + rows[:, None] * n + columns[None, :], total.to(tl.float16), row_in & column_in)


def linear(x: Tensor, weights: Tensor, bias: Tensor, which: Tensor, relu: bool) -> Tensor:
    """weights · x + bias[which], rectified if `relu`: float16 [M, N].

    `x` [M, K] and `weights` [N, K] are float16, `bias` [kinds, N] float32, `which` [M] says each row's kind.
    """
    (m, k), n = x.shape, len(weights)
    y = torch.empty(m, n, dtype=torch.float16, device=x.device)
    grid = (-(-m // _ROWS), -(-n // _COLUMNS))
    _linear[grid](x, weights, bias, which, y, m, n, k, relu, _ROWS, _COLUMNS, _DEPTH, num_warps=4)
    return y


@dataclass(frozen=True)
class PackedConditioner:
    """The conditioning network's weights: two convolutions as products, and a product for all layers at once."""

    hidden: Tensor
    """[C, 5 * bands] float16, the frames of a window one after the other"""
    hidden_bias: Tensor
    """[1, C] float32"""
    smooth: Tensor
    """[C, 3 * C]"""
    smooth_bias: Tensor
    """[1, C]"""
    output: Tensor
    """[L * 2R, C], rows interleaved"""
    bias: Tensor
    """[speakers or 1, L * 2R]: the layers' biases, what was folded away, and each speaker's part"""

    def __call__(self, windows: Tensor, speakers: Tensor) -> Tensor:
        """Conditioning [N, L * 2R] float16 of `windows` [N, 7, bands] of mel, and `speakers` [N] (0 for none)."""
        n = len(windows)
        zeros = torch.zeros(3 * n, dtype=torch.int32, device=windows.device)
        pieces = (
            windows.half().unfold(1, 5, 1).transpose(2, 3).reshape(3 * n, -1).contiguous()
        )  # [3N, 5 * bands]
        hidden = linear(pieces, self.hidden, self.hidden_bias, zeros, relu=True)
        smooth = linear(hidden.view(n, -1), self.smooth, self.smooth_bias, zeros, relu=True)
        return linear(smooth, self.output, self.bias, speakers, relu=False)


def pack_conditioner(
    network: PackedNetwork,
    *,
    hidden: Tensor,
    hidden_bias: Tensor,
    smooth: Tensor,
    smooth_bias: Tensor,
    output: Tensor,
    bias: Tensor,
    speakers: Tensor | None,
) -> PackedConditioner:
    """Rounds a conditioning network to half precision, for `network` and on its device.

    Shapes: hidden [C, bands, 5], smooth [C, C, 3], output [L * 2R, C], bias [L * 2R], speakers [speakers, L * 2R].
    """
    device = network.embedding.device
    order = interleave(network.residual_channels)
    count, width = network.layers, len(order)

    def rows(x: Tensor) -> Tensor:
        return x.unflatten(0, (count, width))[:, order].flatten(0, 1)

    whole = rows(bias.float()) + network.fold.cpu().flatten()
    whole = whole[None] if speakers is None else whole + torch.stack([rows(s.float()) for s in speakers])
    tensors = (
        hidden.transpose(1, 2).flatten(1).half(), hidden_bias.float()[None],
        smooth.transpose(1, 2).flatten(1).half(), smooth_bias.float()[None],
        rows(output).half(), whole,
    )  # fmt: skip
    return PackedConditioner(*(tensor.contiguous().to(device) for tensor in tensors))
