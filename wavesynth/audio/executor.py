"""A function of the inputs of many streams, so computed that no result depends on who else is in the batch.

What a library makes of one input may depend, in its last bits, on how many it is given, since it chooses its way by the
shape. So there is one shape: one input alone (`per_stream`), or always as many (`FixedBatch`), where inputs that are
missing are filled up with any values and their results are dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Executor", "per_stream"]


class Executor(Protocol):
    """A way to compute a function of inputs, [B, ...] each, whose constant arguments have names."""

    def __call__(self, function: Callable[..., Tensor], *inputs: Tensor, **constants: Any) -> Tensor:
        """`function(*inputs, **constants)`, [B, ...]."""


def per_stream(function: Callable[..., Tensor], *inputs: Tensor, **constants: Any) -> Tensor:
    """`function(*inputs, **constants)`, one after the other, each as a batch of one."""
    count = len(inputs[0])
    if not count:  # the FFT refuses nothing; what is asked for is its shape
        return function(*(tensor.new_zeros(1, *tensor.shape[1:]) for tensor in inputs), **constants)[:0]
    made = [function(*one, **constants) for one in zip(*(tensor.split(1) for tensor in inputs), strict=True)]
    if count == 1:
        return made[0]
    import torch

    return torch.cat(made)
