"""One tick: the next chunk of every job given, advanced together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.synthesis.job import Job
from wavesynth.synthesis.stream import Chunk

__all__ = ["Result", "Tick", "Ticker"]

#: A job's next chunk, None if it was made to be dropped, or why there is none.
Result = Chunk | Exception | None
Drawn = NDArray[np.int32] | Exception


@dataclass(frozen=True)
class Part:
    """The jobs of a tick that are advanced in one call, and what that gave."""

    jobs: Sequence[Job]
    ends: Sequence[int]
    """Where each job's chunk ends, in samples."""
    drawn: Drawn | Callable[[], Drawn]


@dataclass(frozen=True)
class Tick:
    """A tick whose samples are made, or are being made."""

    parts: Sequence[Part]

    @property
    def waits(self) -> bool:
        """Whether samples are still being made, elsewhere, so that the next tick may well begin first."""
        return any(callable(part.drawn) for part in self.parts)

    def finish(self) -> list[tuple[Job, int, Result]]:
        """Each job with the sample that its chunk ends before, and its result; waits for what is being made."""
        results: list[tuple[Job, int, Result]] = []
        for part in self.parts:
            rows = part.drawn() if callable(part.drawn) else part.drawn
            for i, (job, end) in enumerate(zip(part.jobs, part.ends, strict=True)):
                results.append((job, end, rows if isinstance(rows, Exception) else _chunk(job, rows[i], end)))
        return results


class Ticker:
    """Samples on the caller's thread and whatever threads the samplers have, and looks ahead on one of its own.

    The kernel releases the interpreter's lock, so they run side by side: while a chunk is drawn, the input of the
    next one is analysed.
    """

    def __init__(self) -> None:
        self._ahead = ThreadPoolExecutor(1, "wavesynth-ahead")

    def begin(self, jobs: Sequence[Job]) -> Tick:
        """Begins the next `job.n` samples of each job; a backend that computes elsewhere is not waited for."""
        parts = [list(group) for _, group in groupby(sorted(jobs, key=_group), _group)]
        # Taken before anything runs: looking ahead changes the sources.
        conditioning = [[job.source.conditioning(job.state.index, job.n) for job in part] for part in parts]
        ahead = self._ahead.submit(_look_ahead, jobs)
        begun = [_launch(*part) for part in zip(parts, conditioning, strict=True)]
        ahead.result()
        return Tick(begun)

    def tick(self, jobs: Sequence[Job]) -> list[tuple[Job, int, Result]]:
        """Makes the next `job.n` samples of each job."""
        return self.begin(jobs).finish()

    def close(self) -> None:
        """Ends the thread."""
        self._ahead.shutdown()


def _group(job: Job) -> tuple[str, int]:
    return job.voice, job.n


def _launch(jobs: Sequence[Job], conditioning: Sequence[Any]) -> Part:
    states, keys = [job.state for job in jobs], [job.stream.request.key for job in jobs]
    ends = [job.state.index + job.n for job in jobs]
    try:
        drawn = jobs[0].loaded.sampler.launch(states, conditioning, keys, jobs[0].n)
    except Exception as error:
        return Part(jobs, ends, error)
    if callable(drawn):
        return Part(jobs, ends, lambda: _drawn(drawn))
    return Part(jobs, ends, drawn)


def _drawn(wait: Callable[[], NDArray[np.int32]]) -> Drawn:
    try:
        return wait()
    except Exception as error:
        return error


def _look_ahead(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.look_ahead()


def _chunk(job: Job, classes: NDArray[np.int32], end: int) -> Result:
    try:
        return job.chunk(classes, end)
    except Exception as error:
        return error
