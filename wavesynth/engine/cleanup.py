"""What is called when an object is forgotten or the process ends.

The garbage collector forgets objects on any thread at any moment, also on one that holds a lock. So what takes locks is
called on a thread of its own.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  which registers what shuts its pools down
import os
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue

__all__ = ["Once", "call_when_gone"]

_due: SimpleQueue[Callable[[], object]] = SimpleQueue()  # its `put` may interrupt itself
_at_exit: weakref.WeakSet[Once] = weakref.WeakSet()
_started = threading.Lock()  # taken when the thread has been started


class Once:
    """A function that is called the first time only, from any thread of the process that it is of.

    A forked process has none of the threads, and perhaps a lock that one of them held: it calls nothing.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function, self._lock = function, threading.Lock()
        self._process = os.getpid()
        self.done = False

    @property
    def ours(self) -> bool:
        """Whether this process has made it."""
        return self._process == os.getpid()

    def __call__(self) -> None:
        """Calls it, or waits until the call that came first has ended."""
        if not self.ours:
            return
        with self._lock:
            if not self.done:
                self.done = True
                self._function()


def call_when_gone(thing: object, function: Once, at_exit: bool = False) -> None:
    """Has `function` be called soon after nobody refers to `thing` any more, to which it must not refer itself; with
    `at_exit` also before the process ends."""
    if _started.acquire(blocking=False):
        threading.Thread(target=_call_what_is_due, name="wavesynth-cleanup", daemon=True).start()
    weakref.finalize(thing, _put, function).atexit = False
    if at_exit:
        _at_exit.add(function)


def _put(function: Once) -> None:
    _due.put(function)


def _call_what_is_due() -> None:
    while True:
        _due.get()()


def _start_anew() -> None:
    """In a forked process: its own thread calls what is due, once there is something."""
    global _due, _started
    _due, _started = SimpleQueue(), threading.Lock()


def _call_at_exit() -> None:
    for function in list(_at_exit):
        function()


if hasattr(os, "register_at_fork"):  # Windows forks no processes
    os.register_at_fork(after_in_child=_start_anew)
# The last to be registered is called first: before the pools, on which engines sample, refuse more work.
threading._register_atexit(_call_at_exit)  # type: ignore[attr-defined]
