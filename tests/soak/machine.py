"""When the machine itself stood still: a clock on each core that goes before all other programs.

A virtual machine has its cores only when its host gives them. Nothing that runs in it can be in time when they are
given to another one, and it cannot see that but by a clock. A clock with real-time priority (SCHED_FIFO) waits for no
program of this machine.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from wavesynth.workers import begin_worker

__all__ = ["Machine", "Stall", "stalled", "watched_machine"]

#: Seconds between looks, and by how much one must be late to count.
_TICK, _LEAST = 0.004, 0.005
#: Seconds from a stall to what it makes late.
_AFTER = 0.1


@dataclass(frozen=True)
class Stall:
    """A time in which a core did nothing that it should have done."""

    at: float
    """When it ended, by `time.monotonic()`."""
    seconds: float


class Machine:
    """What the clocks have seen, once they are stopped."""

    def __init__(self) -> None:
        self.stalls: Sequence[Stall] = ()
        self.seen = False
        """Whether this process may have clocks of real-time priority; if not, there is no stall."""


@contextmanager
def watched_machine() -> Iterator[Machine]:
    """Watches within; the stalls are there afterwards."""
    machine, context, clocks = Machine(), multiprocessing.get_context("spawn"), []
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    for core in cores:
        ours, theirs = context.Pipe()
        clock = context.Process(target=_watch, args=(theirs, core), daemon=True)
        clock.start()
        theirs.close()  # so that a clock that ends is heard of
        clocks.append((clock, ours))
    machine.seen = bool(clocks) and all([pipe.recv() for _, pipe in clocks])
    yield machine
    if machine.seen:
        for _, pipe in clocks:
            pipe.send(None)
        stalls = [stall for _, pipe in clocks for stall in pipe.recv()]
        machine.stalls = sorted(stalls, key=lambda stall: stall.at)
    for clock, _ in clocks:
        clock.join()


def stalled(stalls: Sequence[Stall], at: float) -> bool:
    """Whether the machine had stood still shortly before `at`."""
    return any(stall.at - stall.seconds <= at <= stall.at + _AFTER for stall in stalls)


def _watch(pipe: Any, core: int) -> None:
    begin_worker()
    os.sched_setaffinity(0, {core})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO)))
    except PermissionError:
        pipe.send(False)
        return
    pipe.send(True)
    stalls: list[Stall] = []
    ended, due = False, time.monotonic() + _TICK
    while not ended:
        ended = pipe.poll(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        if now - due > _LEAST:
            stalls.append(Stall(now, now - due))
        due = now + _TICK
    pipe.send(stalls)
