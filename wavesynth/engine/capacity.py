"""How many streams this machine makes in real time: measured, by making some."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping

import numpy as np

from wavesynth.engine.config import EngineConfig
from wavesynth.engine.plane import DataPlane
from wavesynth.engine.planes import plane_of
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.stream import EngineRequest
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
    load: dict[str, list[tuple[int, float]]] = {}
    alike: dict[Hashable, str] = {}
    for name, loaded in voices.items():
        same = alike.setdefault(loaded.voice.workload, name)
        if same != name:
            load[name] = load[same]
            continue
        streams, plane = 1, plane_of(loaded)
        points: list[tuple[int, float]] = []
        most = loaded.sampler.max_streams
        while not points or (points[-1][1] <= LIMIT and points[-1][0] != most):
            points.append((streams, _load(plane, name, loaded, streams, loaded.samples(config.chunk))))
            streams = max(streams + 1, streams * 5 // 4) if most is None else min(2 * streams, most)
        load[name] = points
    return Capacity(load, LIMIT)


def _load(plane: DataPlane, name: str, loaded: LoadedVoice, count: int, chunk: int) -> float:
    """Shortest time of a step, over the time that its audio lasts: what else the machine does now will pass."""
    rate = loaded.voice.sample_rate
    streams = [_stream(plane, name, loaded, chunk * (_STEPS + 1) + rate // 4) for _ in range(count)]
    seconds = []
    for _ in range(_STEPS + 1):  # the first one warms up
        started = time.perf_counter()
        made = list(plane.ready(streams, [chunk] * count))
        for _, samples in plane.advance(streams, chunk, alone=False):
            made += samples  # type: ignore[arg-type]
        for result in made:
            if isinstance(result, Exception):
                raise result
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:]) * rate / chunk


def _stream(plane: DataPlane, name: str, loaded: LoadedVoice, samples: int) -> object:
    voice, speaker = loaded.voice, 0 if loaded.voice.speakers else None
    if not voice.takes_mel:
        return plane.open(EngineRequest(name, "duration", speaker=speaker, samples=samples))
    stream = plane.open(EngineRequest(name, "audio", speaker=speaker, correction=voice.correction))
    stream.push((np.random.default_rng(0).random(samples, np.float32) - 0.5).astype(np.float32))
    return stream
