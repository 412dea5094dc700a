"""One tick: the next chunk of every job given, advanced together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.synthesis.job import Job
from wavesynth.synthesis.stream import Chunk

__all__ = ["Result", "Ticker"]

#: A job's next chunk, None if it was made to be dropped, or why there is none.
Result = Chunk | Exception | None


class Ticker:
    """Samples on the caller's thread and whatever threads the samplers have, and looks ahead on one of its own.

    The kernel releases the interpreter's lock, so they run side by side: while a chunk is drawn, the input of the
    next one is analysed.
    """

    def __init__(self) -> None:
        self._ahead = ThreadPoolExecutor(1, "wavesynth-ahead")

    def tick(self, jobs: Sequence[Job]) -> list[tuple[Job, Result]]:
        """Makes the next `job.n` samples of each job."""
        parts = [list(group) for _, group in groupby(sorted(jobs, key=_group), _group)]
        # Taken before anything runs: looking ahead changes the sources.
        conditioning = [[job.source.conditioning(job.state.index, job.n) for job in part] for part in parts]
        ahead = self._ahead.submit(_look_ahead, jobs)
        drawn = [_draw(*part) for part in zip(parts, conditioning, strict=True)]
        ahead.result()
        results: list[tuple[Job, Result]] = []
        for part, rows in zip(parts, drawn, strict=True):
            if isinstance(rows, Exception):
                results += [(job, rows) for job in part]
            else:
                results += [(job, _chunk(job, row)) for job, row in zip(part, rows, strict=True)]
        return results

    def close(self) -> None:
        """Ends the thread."""
        self._ahead.shutdown()


def _group(job: Job) -> tuple[str, int]:
    return job.voice, job.n


def _draw(jobs: Sequence[Job], conditioning: Sequence[Tensor]) -> NDArray[np.int32] | Exception:
    states, keys = [job.state for job in jobs], [job.stream.request.key for job in jobs]
    try:
        return jobs[0].loaded.sampler.advance(states, conditioning, keys, jobs[0].n)
    except Exception as error:
        return error


def _look_ahead(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.look_ahead()


def _chunk(job: Job, classes: NDArray[np.int32]) -> Result:
    try:
        return job.chunk(classes)
    except Exception as error:
        return error
