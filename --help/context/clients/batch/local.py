"""The work on the cores of this machine: a process each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from .manifest import Entry, groups
from .work import Made, Segment, Setting, Synthesizer, by_length, cut

__all__ = ["on_this_machine"]

A = TypeVar("A")
B = TypeVar("B")

_setting: Setting
_synthesizer: Synthesizer


def on_this_machine(entries: Iterable[Entry], setting: Setting, workers: int) -> Generator[Made]:
    """What becomes of the entries, on `workers` cores, in the order in which it is finished.

    Only as much is read ahead as keeps the workers busy. Closing the iterator ends them. Raises OSError when one
    of them died.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (setting,)) as pool:
        try:
            share = 2 * setting.together
            cuts = _ahead(pool, _cut, groups(entries, setting.together), workers + 1)
            segments = (segment for group in cuts for segment in group)
            sorted_ahead = (by_length(some) for some in groups(segments, share * workers))
            batches = (batch for some in sorted_ahead for batch in groups(some, share))
            for made in _ahead(pool, _synthesize, batches, 2 * workers):
                yield from made
        except BrokenProcessPool as error:
            raise OSError("a worker died, perhaps for want of memory; run again to do the rest") from error
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise


def _ahead(
    pool: ProcessPoolExecutor, function: Callable[[A], B], arguments: Iterable[A], most: int
) -> Iterator[B]:
    """Results of `function` as they come, with at most `most` calls under way."""
    source, under_way = iter(arguments), set[Future[B]]()
    finished: deque[Future[B]] = deque()
    while True:
        for argument in islice(source, most - len(under_way)):
            under_way.add(pool.submit(function, argument))
        if not under_way:
            return
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        finished.extend(done)
        while finished:
            yield finished.popleft().result()


def _begin(setting: Setting) -> None:
    """Makes a new process ready to work; it ends with the one that started it, however that ends."""
    global _setting, _synthesizer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that started us says when to stop
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _setting, _synthesizer = setting, Synthesizer(setting)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _cut(entries: Sequence[Entry]) -> list[Segment]:
    return [segment for entry in entries for segment in cut(entry, _setting)]


def _synthesize(segments: Sequence[Segment]) -> list[Made]:
    return _synthesizer(segments)
