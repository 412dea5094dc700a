"""A function of many rows, so computed that no row's bits depend on the others.

What a library makes of a row may depend on how many there are, since it chooses its way by the shape. So there is one
shape: a row alone, or a block of rows that is filled up with zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["Rows", "alone", "in_blocks"]

#: Rows of a block: many to be worth a GPU's while, and few when there is only one stream.
_BLOCK = 64


class Rows(Protocol):
    """A way to compute a function of rows, [B, ...] each, whose constant arguments have names."""

    def __call__(self, function: Callable[..., Tensor], *rows: Tensor, **constants: Any) -> Tensor:
        """`function(*rows, **constants)`, [B, ...]."""


def alone(function: Callable[..., Tensor], *rows: Tensor, **constants: Any) -> Tensor:
    """`function(*rows, **constants)`, one row after the other."""
    count = len(rows[0])
    if not count:  # the FFT refuses nothing; what is asked for is its shape
        return function(*(tensor.new_zeros(1, *tensor.shape[1:]) for tensor in rows), **constants)[:0]
    made = [function(*row, **constants) for row in zip(*(tensor.split(1) for tensor in rows), strict=True)]
    return made[0] if count == 1 else torch.cat(made)


def in_blocks(
    device: torch.device, function: Callable[..., Tensor], *rows: Tensor, **constants: Any
) -> Tensor:
    """`function(*rows, **constants)` on `device`, a block of rows after the other; the result is on the CPU."""
    count = len(rows[0])
    blocks = -(-count // _BLOCK) or 1
    padded = []
    for tensor in rows:
        whole = tensor.new_zeros(blocks * _BLOCK, *tensor.shape[1:])
        whole[:count] = tensor
        padded.append(whole.to(device).split(_BLOCK))
    made = torch.cat([function(*block, **constants) for block in zip(*padded, strict=True)])
    return made[:count].cpu()
