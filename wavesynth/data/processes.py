"""Work shared out to processes: most of what evaluation calls holds the interpreter's lock, or spins on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch

from wavesynth.workers import worker_pool

__all__ = ["share_out"]

A = TypeVar("A")
B = TypeVar("B")

_function: Callable[[Any], Any]


def share_out(function: Callable[[A], B], work: Sequence[A], processes: int) -> Iterator[B]:
    """The results of `function` for each piece of work, in order, from so many processes (1: this one).

    A process takes one core, and gets `function`, with what it holds, once.
    """
    if processes == 1:
        yield from map(function, work)
        return
    with worker_pool(min(processes, len(work)), _start, function) as pool:
        yield from pool.map(_call, work)


def _start(function: Callable[[Any], Any]) -> None:
    global _function
    _function = function
    torch.set_num_threads(1)


def _call(piece: Any) -> Any:
    return _function(piece)
