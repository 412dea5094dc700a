"""A step: the next chunk of every stream of a plan, advanced together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.engine.active_stream import ActiveStream, Made, attempt, look_ahead, make
from wavesynth.engine.scheduler import StepPlan
from wavesynth.engine.stream import EngineStream
from wavesynth.sampling.backends.sampler import Pending

__all__ = ["STREAMS_AT_A_TIME", "Result", "Step", "StepRunner"]

#: So many streams are worked on before streams that have just joined get their first chunk. Fewer would gain little
#: from being computed together (wavesynth.audio.executor), and so many take some milliseconds.
STREAMS_AT_A_TIME = 256

#: A stream, the sample that its chunk ends before, and the chunk or why there is none.
Result = tuple[EngineStream, int, Made]


@dataclass(frozen=True)
class Drawn:
    """A `Pending` whose samples [B, n] are there already, or the error because of which there are none."""

    samples: NDArray[np.float32] | Exception

    def __call__(self) -> NDArray[np.float32]:
        """Returns the samples, or raises the error."""
        if isinstance(self.samples, Exception):
            raise self.samples
        return self.samples

    def ready(self) -> bool:
        """True: nothing is waited for."""
        return True


@dataclass(frozen=True)
class Batch:
    """The streams of a step that were advanced in one call, and the samples that this gives."""

    streams: Sequence[ActiveStream]
    ends: Sequence[int]
    """Where each stream's chunk ends, in samples."""
    samples: Pending

    def results(self) -> Iterator[list[Result]]:
        """What became of each stream, `STREAMS_AT_A_TIME` at a time; waits for the samples."""
        samples = attempt(self.samples)
        for at in range(0, len(self.streams), STREAMS_AT_A_TIME):
            some = slice(at, at + STREAMS_AT_A_TIME)
            streams, ends = self.streams[some], self.ends[some]
            made = samples if isinstance(samples, Exception) else attempt(make, streams, samples[some], ends)
            if isinstance(made, Exception):
                made = [made] * len(streams)
            yield list(zip([active.stream for active in streams], ends, made, strict=True))


@dataclass(frozen=True)
class Step:
    """A step whose samples are drawn, or are being drawn."""

    batches: Sequence[Batch]

    @property
    def elsewhere(self) -> bool:
        """Whether samples are drawn elsewhere, as on a GPU, so that the next step may well begin first."""
        return any(not isinstance(batch.samples, Drawn) for batch in self.batches)

    @property
    def ready(self) -> bool:
        """Whether all samples are there."""
        return all(batch.samples.ready() for batch in self.batches)

    def results(self) -> Iterator[list[Result]]:
        """What became of each stream, of some streams at a time; waits for samples that are being drawn."""
        for batch in self.batches:
            yield from batch.results()


class StepRunner:
    """Runs plans: samples on the caller's thread and whatever threads the samplers have, and looks ahead on another.

    The kernel releases the interpreter's lock, so they run side by side: while a chunk is drawn, the input of the
    next one is analysed.
    """

    def __init__(self) -> None:
        self._ahead = ThreadPoolExecutor(1, "wavesynth-ahead")

    def run(self, plan: StepPlan[ActiveStream]) -> Step:
        """Draws the next samples of each stream; a backend that draws elsewhere is not waited for."""
        # Taken before anything runs: looking ahead changes the sources.
        conditioning = [
            [active.source.conditioning(active.state.index, active.n) for active in batch]
            for batch in plan.batches
        ]
        ahead = self._ahead.submit(look_ahead, plan.streams)
        batches = [_launch(*batch) for batch in zip(plan.batches, conditioning, strict=True)]
        ahead.result()
        return Step(batches)

    def close(self) -> None:
        """Ends the thread."""
        self._ahead.shutdown()


def _launch(streams: Sequence[ActiveStream], conditioning: Sequence[Any]) -> Batch:
    states, params = (
        [active.state for active in streams],
        [active.stream.request.params for active in streams],
    )
    ends = [active.state.index + active.n for active in streams]
    drawn = attempt(streams[0].loaded.sampler.launch, states, conditioning, params, streams[0].n)
    return Batch(streams, ends, drawn if callable(drawn) else Drawn(drawn))
