"""Work for so much processor time, and the processor time of work: other programs change neither."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["repeat", "spent"]


def spent(work: Callable[[], object]) -> float:
    """The processor seconds that it takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def repeat(step: Callable[[], object], seconds: float) -> int:
    """Steps until so many processor seconds are spent, at least one. Returns how many there were."""
    start, steps = time.process_time(), 0
    while steps == 0 or time.process_time() - start < seconds:
        step()
        steps += 1
    return steps
