"""The work on the cores of this machine: a process each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from wavesynth.workers import worker_pool

from .manifest import Entry, groups
from .work import BatchOptions, Segment, SegmentAudio, SegmentWorker, by_length, cut

__all__ = ["on_this_machine"]

A = TypeVar("A")
B = TypeVar("B")

_options: BatchOptions
_worker: SegmentWorker


def on_this_machine(entries: Iterable[Entry], options: BatchOptions, workers: int) -> Generator[SegmentAudio]:
    """What becomes of the entries, on `workers` cores, in the order in which it is finished.

    Only as much is read ahead as keeps the workers busy. Closing the iterator ends them. Raises OSError when one
    of them died.
    """
    with worker_pool(workers, _begin, options) as pool:
        try:
            share = 2 * options.max_batch
            cuts = _ahead(pool, _cut, groups(entries, options.max_batch), workers + 1)
            segments = (segment for group in cuts for segment in group)
            sorted_ahead = (by_length(some) for some in groups(segments, share * workers))
            batches = (batch for some in sorted_ahead for batch in groups(some, share))
            for made in _ahead(pool, _synthesize, batches, 2 * workers):
                yield from made
        except BrokenProcessPool as error:
            raise OSError("a worker died, perhaps for want of memory; run again to do the rest") from error


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


def _begin(options: BatchOptions) -> None:
    """Makes a new process ready to work."""
    global _options, _worker
    _options, _worker = options, SegmentWorker(options)


def _cut(entries: Sequence[Entry]) -> list[Segment]:
    return [segment for entry in entries for segment in cut(entry, _options)]


def _synthesize(segments: Sequence[Segment]) -> list[SegmentAudio]:
    return _worker(segments)
