"""One tick: the next chunk of every job given, advanced together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.engine.active_stream import ActiveStream, Made, attempt, look_ahead, make
from wavesynth.engine.stream import EngineStream
from wavesynth.sampling.backends.sampler import Pending

__all__ = ["SLICE", "Result", "Tick", "Ticker"]

#: So many streams are worked on at a time; between these, streams that have just joined get their first chunk. Fewer
#: would gain little from being computed together (wavesynth.audio.executor), and so many take some milliseconds.
SLICE = 256

#: A stream, the sample that its chunk ends before, and the chunk or why there is none.
Result = tuple[EngineStream, int, Made]


@dataclass(frozen=True)
class Part:
    """The jobs of a tick that are advanced in one call, and what that gave."""

    jobs: Sequence[ActiveStream]
    ends: Sequence[int]
    """Where each job's chunk ends, in samples."""
    drawn: NDArray[np.float32] | Pending | Exception


@dataclass(frozen=True)
class Tick:
    """A tick whose samples are made, or are being made."""

    parts: Sequence[Part]

    @property
    def waits(self) -> bool:
        """Whether samples are still being made, elsewhere, so that the next tick may well begin first."""
        return any(callable(part.drawn) for part in self.parts)

    @property
    def ready(self) -> bool:
        """Whether none are any more."""
        return all(not callable(part.drawn) or part.drawn.ready() for part in self.parts)

    def finish(self) -> Iterator[list[Result]]:
        """What became of each stream, of `SLICE` of them at a time; waits for what is being made."""
        for part in self.parts:
            rows = attempt(part.drawn) if callable(part.drawn) else part.drawn
            for at in range(0, len(part.jobs), SLICE):
                few = slice(at, at + SLICE)
                jobs, ends = part.jobs[few], part.ends[few]
                made = rows if isinstance(rows, Exception) else attempt(make, jobs, rows[few], ends)
                if isinstance(made, Exception):
                    made = [made] * len(jobs)
                yield list(zip([job.stream for job in jobs], ends, made, strict=True))


class Ticker:
    """Samples on the caller's thread and whatever threads the samplers have, and looks ahead on one of its own.

    The kernel releases the interpreter's lock, so they run side by side: while a chunk is drawn, the input of the
    next one is analysed.
    """

    def __init__(self) -> None:
        self._ahead = ThreadPoolExecutor(1, "wavesynth-ahead")

    def begin(self, jobs: Sequence[ActiveStream]) -> Tick:
        """Begins the next `job.n` samples of each job; a backend that computes elsewhere is not waited for."""
        parts = [list(group) for _, group in groupby(sorted(jobs, key=_group), _group)]
        # Taken before anything runs: looking ahead changes the sources.
        conditioning = [[job.source.conditioning(job.state.index, job.n) for job in part] for part in parts]
        ahead = self._ahead.submit(look_ahead, jobs)
        begun = [_launch(*part) for part in zip(parts, conditioning, strict=True)]
        ahead.result()
        return Tick(begun)

    def close(self) -> None:
        """Ends the thread."""
        self._ahead.shutdown()


def _group(job: ActiveStream) -> tuple[str, int]:
    return job.voice, job.n


def _launch(jobs: Sequence[ActiveStream], conditioning: Sequence[Any]) -> Part:
    states, keys = [job.state for job in jobs], [job.stream.request.key for job in jobs]
    ends = [job.state.index + job.n for job in jobs]
    drawn = attempt(jobs[0].loaded.sampler.launch, states, conditioning, keys, jobs[0].n)
    return Part(jobs, ends, drawn)
