"""The recurrence of a Diagonal LSTM over all diagonals of an image, with its gradients.

van den Oord et al., "Pixel Recurrent Neural Networks", 2016, sec. 3.2. In a map that is skewed by one column a row a
diagonal is a column, and all of its pixels come at once. PyTorch's own differentiation of the 55 steps of a 28 × 28
image spends most of its time on small copies and on the weights' gradient step by step; written out, the gradient of
the weights is one product over all steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["diagonals", "lstm"]


def lstm(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One step of eq. 3: `gates` [..., 4F] and the cell before [..., F] → hidden and cell [..., F]."""
    output, forget, entry, content = gates.chunk(4, -1)
    cell = torch.sigmoid(forget) * cell + torch.sigmoid(entry) * torch.tanh(content)
    return torch.sigmoid(output) * torch.tanh(cell), cell


def diagonals(gates: Tensor, weight: Tensor) -> Tensor:
    """The hidden states of all pixels, from the top left to the bottom right: [B, H, W, F].

    `gates` [B, H, W, 4F] is what the input gives to each pixel, `weight` [4F, 2F] what the states above (the first F
    columns) and to the left give. The arithmetic and the result are float32, whatever autocast has made of them.
    """
    # In float32 at the least, on whatever device: a sum over 55 steps in bfloat16 would forget its beginning.
    gates, weight = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (gates, weight))
    with torch.autocast(gates.device.type, enabled=False):
        hidden: Tensor = _Diagonals.apply(gates, weight)
    return hidden


class _Diagonals(torch.autograd.Function):
    """In steps [D = W + H - 1, N = B · (1 + H), ...]: row r of an image begins r steps after its row 0 (fig. 3).

    Each image has a row of zeros above it: then the states above are those to the left, one place before.
    """

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, weight: Tensor) -> Tensor:
        (batch, height, width, _), features = pixels.shape, weight.shape[1] // 2
        count, places = width + height - 1, batch * (1 + height)
        gates = pixels.new_zeros(
            count, places, 4 * features
        )  # with what the states give, once a step is done
        _skewed(gates, pixels.shape).copy_(pixels)
        inside = pixels.new_zeros(count, places, 1)
        _skewed(inside, (batch, height, width, 1)).fill_(1)
        states = pixels.new_zeros(count + 1, 1 + places, features)  # [d + 1] are those after step d
        cells = pixels.new_zeros(count + 1, places, features)
        above, left = weight.t().split(features)
        for d in range(count):
            gates[d].addmm_(states[d, :-1], above).addmm_(states[d, 1:], left)
            hidden, cell = lstm(gates[d], cells[d])
            torch.mul(hidden, inside[d], out=states[d + 1, 1:])
            torch.mul(cell, inside[d], out=cells[d + 1])
        ctx.save_for_backward(gates, states, cells, inside, weight)
        return _skewed(states[1:, 1:], (batch, height, width, features)).clone(
            memory_format=torch.contiguous_format
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(gradient.device.type, enabled=False):
            return _Diagonals._backward(ctx, gradient)

    @staticmethod
    def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        gates, states, cells, inside, weight = ctx.saved_tensors
        (*shape, features), by_hidden = gradient.shape, torch.zeros_like(cells[1:])
        _skewed(by_hidden, gradient.shape).copy_(gradient)
        above, left = weight.split(features, 1)
        by_gates = torch.empty_like(gates)
        by_state, by_cell = torch.zeros_like(states[0]), torch.zeros_like(cells[0])  # from the step after
        for d in reversed(range(len(gates))):
            output, forget, entry = torch.sigmoid(gates[d, :, : 3 * features]).chunk(3, -1)
            content, squashed = torch.tanh(gates[d, :, 3 * features :]), torch.tanh(cells[d + 1])
            h = torch.addcmul(by_hidden[d], by_state[1:], inside[d])
            c = torch.addcmul(by_cell, h * output, 1 - squashed * squashed).mul_(inside[d])
            to_output, to_forget, to_entry, to_content = by_gates[d].chunk(4, -1)
            torch.mul(h * squashed, output * (1 - output), out=to_output)
            torch.mul(c * cells[d], forget * (1 - forget), out=to_forget)
            torch.mul(c * content, entry * (1 - entry), out=to_entry)
            torch.mul(c * entry, 1 - content * content, out=to_content)
            by_cell = c * forget
            torch.mm(by_gates[d], left, out=by_state[1:])
            by_state[:-1].addmm_(by_gates[d], above)
        flat = by_gates.flatten(0, 1).t()
        by_weight = [flat @ part.flatten(0, 1) for part in (states[:-1, :-1], states[:-1, 1:])]
        return _skewed(by_gates, (*shape, 4 * features)), torch.cat(by_weight, 1)


def _skewed(steps: Tensor, shape: Sequence[int]) -> Tensor:
    """The view [B, H, W, F] of what is in steps, [D, N, F]: pixel (r, w) is in step r + w, in row 1 + r."""
    (batch, height, width, features), (step, place, one) = shape, steps.stride()
    strides = (1 + height) * place, step + place, step, one
    return steps.as_strided((batch, height, width, features), strides, steps.storage_offset() + place)
