"""The executor of a device: always as many streams at once (see `wavesynth.audio.executor`)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import torch
from torch import Tensor

__all__ = ["FixedBatch", "to_device"]


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
        self._batches: dict[Hashable, tuple[list[Tensor], Callable[[], Tensor]]] = {}
        self._lock = threading.Lock()

    def __call__(self, function: Callable[..., Tensor], *inputs: Tensor, **constants: Any) -> Tensor:
        """`function(*inputs, **constants)`; constants are hashable."""
        shapes = tuple((tensor.shape[1:], tensor.dtype) for tensor in inputs)
        key = function, shapes, tuple(sorted(constants.items()))
        with self._lock, torch.cuda.stream(self._stream):
            if key not in self._batches:
                self._batches[key] = self._allocate(partial(function, **constants), inputs)
            memory, compute = self._batches[key]
            given = [to_device(tensor, self._device).split(self._size) for tensor in inputs]
            made = []
            for batch in zip(*given, strict=True):
                for place, tensor in zip(memory, batch, strict=True):
                    place[: len(tensor)] = tensor
                made.append(compute()[: len(batch[0])].clone())
            return torch.cat(made).cpu()

    def _allocate(
        self, function: Callable[..., Tensor], inputs: tuple[Tensor, ...]
    ) -> tuple[list[Tensor], Callable[[], Tensor]]:
        """Memory for a batch, and what computes the function of it."""
        memory = [
            torch.zeros(self._size, *tensor.shape[1:], dtype=tensor.dtype, device=self._device)
            for tensor in inputs
        ]
        compute = partial(function, *memory)
        if self._stream is None:
            return memory, compute
        compute()  # so that tables and plans are made, which cannot be captured
        graph = torch.cuda.CUDAGraph()
        # Another thread may go on with other work meanwhile.
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            result = compute()

        def again() -> Tensor:
            graph.replay()
            return result

        return memory, again


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device, in its stream's order: to a GPU from pinned memory, so that nothing is waited for."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
