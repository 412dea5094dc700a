"""Cores, threads, and processes that work for this one: they end with it, however it ends, and leave Ctrl-C to it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["allowed_threads", "begin_worker", "cores", "one_torch_thread", "threads", "worker_pool"]


def cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores that this process may use: by its affinity, and by the `quota` of its container, if there is one; where the
    system says neither, as macOS, those that the machine has."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no such file, and "max" for no quota
        microseconds, period = map(int, quota.read_text(encoding="ascii").split())
        allowed = min(allowed, max(1, microseconds // period))
    return allowed


def allowed_threads() -> int:
    """Threads for arithmetic: the cores, or fewer if OMP_NUM_THREADS says so, as to most that compute."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list: of nested loops
    return min(cores(), int(asked)) if asked.isdecimal() and int(asked) else cores()


@contextmanager
def threads(count: int = 1) -> Iterator[None]:
    """PyTorch's operations take so many threads in here."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_torch_thread() -> None:
    """PyTorch's operations take one thread from now on, where it has been imported: for a process with threads of its
    own for the work."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@contextmanager
def worker_pool(
    processes: int, initializer: Callable[..., object] | None = None, *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """A pool of so many processes, each of which first calls `initializer`, if there is one; an exception ends them at
    once.

    They are new ones, not forked: libraries have threads in this one.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin, (initializer, arguments)) as pool:
        try:
            yield pool
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise


def begin_worker() -> None:
    """Lets this process end when the one that started it does; that one alone says when to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):  # Windows has none
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _begin(initializer: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    begin_worker()
    if initializer is not None:
        initializer(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
