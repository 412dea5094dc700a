"""All that `wavesynth bench service` measures, one thing after the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wavesynth.benchmarks.playback import text_of
from wavesynth.benchmarks.run import Run
from wavesynth.benchmarks.service import ServiceBenchmark
from wavesynth.clients.client import Client

if TYPE_CHECKING:
    from wavesynth.benchmarks.bare import BareSampler  # which takes PyTorch

__all__ = ["Plan", "measure_service"]

#: Seconds of audio of an offline call, and how many there are.
OFFLINE, OFFLINE_CALLS = 4.0, 3
#: Words of a text that is as long as a book, and how many such calls there are.
BOOK, BOOKS = 10_000, 10
#: Measurements of the bare sampler's processor time before the load, and as many after it.
TURNS = 2


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    streams: int
    """At once; with `find_capacity`, as many as there can be without an underrun."""
    seconds: float
    """Of audio of each."""
    calls: int
    """Short ones to the idle service."""
    find_capacity: bool = False


def measure_service(
    bench: ServiceBenchmark,
    client: Client,
    bare: BareSampler | None,
    plan: Plan,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """The figures by name; `say` is told what the search for the capacity finds. Without `bare` there are none of the
    sampler alone.

    Raises ServiceError, and ValueError if no call is admitted.
    """
    client.synthesize(bench.load.voice, **_input(bench, 1.0))  # warms up
    result: dict[str, Any] = {"time_to_first_audio_ms": bench.first_audio(plan.calls)}
    if bench.load.text:
        result["time_to_first_audio_of_a_book_ms"] = bench.first_audio(BOOKS, BOOK)
    if "bidirectional" in bench.kinds:
        result["input_held_back_ms"] = bench.ask_held_back()
    _measure_bare(bench, bare)
    capacity: dict[str, Any] = {}
    if plan.find_capacity:
        capacity, run = bench.capacity(plan.seconds, say)
        streams, beside = capacity["streams"], capacity["streams"] - 1
    else:
        run = bench.run(plan.streams, plan.seconds)
        streams = beside = plan.streams
    if not run.of():
        raise ValueError(f"the service refuses each of {plan.streams} streams of {bench.load.voice}")
    _measure_bare(bench, bare)
    result = {"streams": streams, **result, "capacity": capacity or None}
    result |= run.figures() | {"latency_ms": run.latency_ms()}
    result |= _processor(run, bare) | {"server_memory_mb": run.server_memory_mb()}
    if beside > 0:
        result |= bench.joining(beside, plan.seconds)
    return result | _offline(bench, client, bare)


def _measure_bare(bench: ServiceBenchmark, bare: BareSampler | None) -> None:
    if bare is not None:
        for _ in bench.track(range(TURNS), "the bare sampler", TURNS):
            bare.measure()


def _processor(run: Run, bare: BareSampler | None) -> dict[str, Any]:
    """Processor seconds for a second of audio, side by side."""
    taken = run.processor_seconds()
    server, alone = taken["server"], None if bare is None else bare.processor_seconds
    ratios = {n: server / seconds for n, seconds in alone.items()} if alone and server is not None else None
    return {
        "server_processor_seconds_per_second": server,
        "listeners_processor_seconds_per_second": taken["listeners"],
        "bare_sampler_processor_seconds_per_second": alone,
        "server_over_bare_sampler": ratios,
    }


def _offline(bench: ServiceBenchmark, client: Client, bare: BareSampler | None) -> dict[str, Any]:
    """Samples a second of an offline call and of the sampler alone: medians of turns."""
    through, alone = [], []
    for _ in bench.track(range(OFFLINE_CALLS), "offline calls", OFFLINE_CALLS):
        began = time.perf_counter()
        chunk = client.synthesize(bench.load.voice, **_input(bench, OFFLINE))
        through.append(len(chunk.samples) / (time.perf_counter() - began))
        alone += [] if bare is None else [bare.samples_per_second(OFFLINE)]
    service = statistics.median(through)
    sampler = statistics.median(alone) if alone else None
    return {
        "real_time_factor": service / bench.load.sample_rate,
        "service_samples_per_second": service,
        "engine_samples_per_second": sampler,
        "service_over_engine": None if sampler is None else service / sampler,
    }


def _input(bench: ServiceBenchmark, seconds: float) -> Any:
    if bench.load.text:
        return {"text": text_of(round(3 * seconds))}
    if not bench.load.takes_audio:
        return {"seconds": seconds}
    samples = round(seconds * bench.load.sample_rate)
    return {"audio": np.random.default_rng(0).integers(-3000, 3000, samples, np.int16)}
