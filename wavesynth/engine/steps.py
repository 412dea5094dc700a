"""Steps of streams whose samples are drawn elsewhere: one may be under way while the one before it is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

__all__ = ["Step", "attempt"]

T = TypeVar("T")


class _Stream(Protocol):
    under_way: Step | None


class Step:
    """A step that is begun; its results come after those of the steps before that have parts of its streams."""

    def __init__(self, streams: Sequence[_Stream]) -> None:
        self._before = {s.under_way for s in streams if s.under_way is not None}
        self.done = threading.Event()
        for s in streams:
            s.under_way = self

    def wait_for_those_before(self) -> None:
        """Waits until all results of those have been read."""
        for step in self._before:
            step.done.wait()
        self._before.clear()


def attempt(function: Callable[..., T], *arguments: Any, **others: Any) -> T | Exception:
    """What a function gives, or what it raises: a stream's error must not be its neighbours'."""
    try:
        return function(*arguments, **others)
    except Exception as error:
        return error
