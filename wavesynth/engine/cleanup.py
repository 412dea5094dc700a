"""What is called when an object is forgotten or the process ends.

The garbage collector forgets objects on any thread at any moment, also on one that holds a lock. So what takes locks is
called on a thread of its own.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  which registers what shuts its pools down
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue

__all__ = ["Once", "call_when_gone"]

_due: SimpleQueue[Callable[[], object]] = SimpleQueue()  # its `put` may interrupt itself
_at_exit: weakref.WeakSet[Once] = weakref.WeakSet()
_started = threading.Lock()  # taken when the thread has been started


class Once:
    """A function that is called the first time only, from any thread."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function, self._lock = function, threading.Lock()
        self.done = False

    def __call__(self) -> None:
        """Calls it, or waits until the call that came first has ended."""
        with self._lock:
            if not self.done:
                self.done = True
                self._function()


def call_when_gone(thing: object, function: Once, at_exit: bool = False) -> None:
    """Has `function` be called soon after nobody refers to `thing` any more, to which it must not refer itself; with
    `at_exit` also before the process ends."""
    if _started.acquire(blocking=False):
        threading.Thread(target=_call_what_is_due, name="wavesynth-cleanup", daemon=True).start()
    weakref.finalize(thing, _due.put, function).atexit = False
    if at_exit:
        _at_exit.add(function)


def _call_what_is_due() -> None:
    while True:
        _due.get()()


def _call_at_exit() -> None:
    for function in list(_at_exit):
        function()


# The last to be registered is called first: before the pools, on which engines sample, refuse more work.
threading._register_atexit(_call_at_exit)  # type: ignore[attr-defined]
