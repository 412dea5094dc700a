"""A function of many rows, so computed that no row's bits depend on the others.

What a library makes of a row may depend on how many there are, since it chooses its way by the shape. So there is one
shape: a row alone, or a block of rows. Rows of a block that no input fills hold any values; their results are dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["Executor", "FixedBatch", "alone", "to_device"]


class Executor(Protocol):
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


class FixedBatch:
    """`Executor` on a device, `size` at a time (many to be worth a GPU's while); the result is on the CPU.
    For any thread.

    A function is a hundred small operations, each of which would cost a GPU's host a launch for every block. So they
    are captured once, as a CUDA graph over one block's memory, and repeated; in a stream of their own, beside what else
    the GPU does.
    """

    def __init__(self, device: torch.device, size: int) -> None:
        self._device, self._size = device, size
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._blocks: dict[Hashable, tuple[list[Tensor], Callable[[], Tensor]]] = {}
        self._lock = threading.Lock()

    def __call__(self, function: Callable[..., Tensor], *rows: Tensor, **constants: Any) -> Tensor:
        """`function(*rows, **constants)`; constants are hashable."""
        shapes = tuple((tensor.shape[1:], tensor.dtype) for tensor in rows)
        key = function, shapes, tuple(sorted(constants.items()))
        with self._lock, torch.cuda.stream(self._stream):
            if key not in self._blocks:
                self._blocks[key] = self._block(partial(function, **constants), rows)
            inputs, compute = self._blocks[key]
            given = [to_device(tensor, self._device).split(self._size) for tensor in rows]
            made = []
            for block in zip(*given, strict=True):
                for memory, tensor in zip(inputs, block, strict=True):
                    memory[: len(tensor)] = tensor
                made.append(compute()[: len(block[0])].clone())
            return torch.cat(made).cpu()

    def _block(
        self, function: Callable[..., Tensor], rows: tuple[Tensor, ...]
    ) -> tuple[list[Tensor], Callable[[], Tensor]]:
        """Memory for a block, and what computes the function of it."""
        inputs = [
            torch.zeros(self._size, *tensor.shape[1:], dtype=tensor.dtype, device=self._device)
            for tensor in rows
        ]
        compute = partial(function, *inputs)
        if self._stream is None:
            return inputs, compute
        compute()  # so that tables and plans are made, which cannot be captured
        graph = torch.cuda.CUDAGraph()
        # Another thread may go on with other work meanwhile.
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            result = compute()

        def again() -> Tensor:
            graph.replay()
            return result

        return inputs, again


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device, in its stream's order: to a GPU from pinned memory, so that nothing is waited for."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
