"""How many streams this machine makes in real time: measured, by making some."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Mapping
from itertools import chain

import torch

from wavesynth.engine.active_stream import ActiveStream, prepare
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.scheduler import Capacity, StepPlan
from wavesynth.engine.source import AudioSource, DurationSource
from wavesynth.engine.step import StepRunner
from wavesynth.engine.stream import EngineRequest, EngineStream
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["LIMIT", "measure_capacity"]

#: Part of the time that steps may take; the rest is for moving bytes, and for other programs.
LIMIT = 0.8
_STEPS = 5


def measure_capacity(voices: Mapping[str, LoadedVoice], config: EngineConfig) -> Capacity:
    """Times steps of 1, 2, 3, ... streams of each voice, analysis and correction included, until one is over the limit.

    Voices of one shape and rate take one time. A sampler with a `max_streams` is timed with 1, 2, 4, ... streams, and
    with no more than these. Raises what the backend raises.
    """
    runner = StepRunner()
    load: dict[str, list[tuple[int, float]]] = {}
    alike: dict[Hashable, str] = {}
    for name, loaded in voices.items():
        same = alike.setdefault(loaded.voice.workload, name)
        if same != name:
            load[name] = load[same]
            continue
        streams = 1
        points: list[tuple[int, float]] = []
        most = loaded.sampler.max_streams
        while not points or (points[-1][1] <= LIMIT and points[-1][0] != most):
            points.append((streams, _load(runner, name, loaded, streams, loaded.samples(config.chunk))))
            streams = max(streams + 1, streams * 5 // 4) if most is None else min(2 * streams, most)
        load[name] = points
    runner.close()
    return Capacity(load, LIMIT)


def _load(runner: StepRunner, name: str, loaded: LoadedVoice, count: int, chunk: int) -> float:
    """Shortest time of a step, over the time that its audio lasts: what else the machine does now will pass."""
    rate = loaded.voice.sample_rate
    streams = [_stream(name, loaded, chunk * (_STEPS + 1) + rate // 4) for _ in range(count)]
    seconds = []
    for _ in range(_STEPS + 1):  # the first one warms up
        started = time.perf_counter()
        ready = prepare(streams, [chunk] * count)
        made = chain.from_iterable(runner.run(StepPlan.of(streams)).results())
        for result in (*ready, *(result for *_, result in made)):
            if isinstance(result, Exception):
                raise result
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:]) * rate / chunk


def _stream(name: str, loaded: LoadedVoice, samples: int) -> ActiveStream:
    voice, speaker = loaded.voice, 0 if loaded.voice.speakers else None
    if not voice.takes_mel:
        request = EngineRequest(name, lambda: DurationSource(voice, speaker, samples))
        return ActiveStream(EngineStream(request, threading.Lock(), threading.Event()), loaded)
    request = EngineRequest(
        name, lambda: AudioSource(voice, speaker, voice.sample_rate), correction=voice.correction
    )
    active = ActiveStream(EngineStream(request, threading.Lock(), threading.Event()), loaded)
    active.source.push(torch.rand(samples, generator=torch.Generator().manual_seed(0)) - 0.5)
    return active
