"""A worker: a thread that makes the audio of streams, one step after the other."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from wavesynth.engine.plane import Advanced
from wavesynth.engine.scheduler import StepPlan
from wavesynth.engine.slices import ask_for_long_slices
from wavesynth.engine.stream import EngineStream
from wavesynth.engine.work import Failure, Work
from wavesynth.sampling.backends.sampler import LostError

if TYPE_CHECKING:
    from wavesynth.engine.engine import Engine

__all__ = ["run_worker"]


def run_worker(work: Work, engine: Engine) -> None:
    """Runs steps until there is nothing to do any more; whatever ends it before ends the engine."""
    ask_for_long_slices()
    try:
        while (step := work.next_step()) is not None:
            plan, failures = step
            _fail(work, engine, failures)
            _run(work, engine, plan)
            # Whoever waits for the next step keeps no stream that has ended, and no voice.
            del step, plan, failures
    except BaseException as error:
        engine.lose(error)


def _run(work: Work, engine: Engine, plan: StepPlan[EngineStream]) -> None:
    """Runs a step, and hands out what it makes as it comes."""
    began = time.monotonic()
    results = [(batch, _advance(batch, plan.alone)) for batch in plan.batches]
    work.begun(plan)
    for batch, advanced in results:
        at = 0
        for ends, made in advanced:
            streams = batch[at : at + len(ends)]
            at += len(ends)
            _hand_out(work, engine, streams, (ends, made))
    work.done(plan)
    if plan.batches:
        engine.counts.step(len(plan.streams), time.monotonic() - began)


def _advance(batch: Sequence[EngineStream], alone: bool) -> Iterable[Advanced]:
    try:
        return batch[0].plane.advance([stream.pipeline for stream in batch], batch[0].n, alone)
    except Exception as error:
        return [([stream.samples_made for stream in batch], [error] * len(batch))]


def _hand_out(work: Work, engine: Engine, streams: Sequence[EngineStream], advanced: Advanced) -> None:
    good, failures = [], []
    for stream, end, samples in zip(streams, *advanced, strict=True):
        if isinstance(samples, Exception):
            failures.append((stream, samples))
        else:
            good.append((stream, end, samples))
    if good:
        engine.handed_out(*work.put(*zip(*good, strict=True)))
    _fail(work, engine, failures)


def _fail(work: Work, engine: Engine, failures: Sequence[Failure]) -> None:
    """Ends streams that cannot go on."""
    if not failures:
        return
    told = [(stream, engine.stream_error(stream, error)) for stream, error in failures]
    engine.handed_out(work.fail(told), [])
    lost = next((error for _, error in failures if isinstance(error, LostError)), None)
    if lost is not None:
        engine.lose(lost)
