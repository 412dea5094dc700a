"""How many live streams this machine carries: measured, by making some; remembered; and put right by what happens.

What is measured is processor time, which other programs do not change as they do the clock: what a core needs for a
second of a stream's audio, from its input to its samples, alone and in company, and for the messages that carry it.
All cores together have a second a second. Of that the streams may take `LIMIT`; the rest is for whoever listens on this
machine, and for the system.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from wavesynth.engine.config import EngineConfig
from wavesynth.engine.plane import DataPlane, samples_at
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.stream import EngineRequest
from wavesynth.text.speech import TextSpeech
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.voice import Voice

__all__ = ["LIMIT", "Costs", "Load", "measure_capacity", "settled"]

#: Points (streams, part of the time that they take), as `Capacity.load` has them of a voice.
Load = Sequence[tuple[int, float]]
#: Part of the cores' time that live streams may take.
LIMIT = 0.75
#: Of the streams that are a worker's share, one in so many is in a step: they do not all come at one time.
_IN_STEP = 2
#: Streams that are counted at the most, where nothing else is the limit.
_MOST = 10_000
#: Chunks of each measurement; the shortest time counts.
_STEPS = 3
#: What is read aloud to measure what that costs.
_TEXT = "The birch canoe slid on the smooth planks. It costs $47.25."
#: Measurements are repeated until the last two agree within this part, or so many times.
_AGREE, _ROUNDS = 0.03, 6


@dataclass(frozen=True)
class Costs:
    """What a core needs for a second of a stream's audio, in seconds."""

    streams: tuple[tuple[int, float], ...]
    """So many streams in one step: seconds for each of them."""

    def each(self, streams: float) -> float:
        """Of one of so many streams in a step."""
        counts, seconds = zip(*self.streams, strict=True)
        return float(np.interp(streams, counts, seconds))


def measure_capacity(
    voices: Mapping[str, LoadedVoice],
    planes: Mapping[str, DataPlane],
    config: EngineConfig,
    message: float = 0.0,
    remembered: Callable[[str, Callable[[], Costs]], Costs] = lambda key, measure: measure(),
    known: MutableMapping[Hashable, Load] | None = None,
) -> Capacity:
    """How many streams of each voice there is room for, if a message for each chunk takes `message` seconds.

    Voices of one shape and rate are measured once; `remembered` may know what a measurement with that key once gave.
    `known` has the load of each shape that was measured before, and gets those of the others. A sampler with a
    `max_streams` has no more than these. Raises what the backend raises.
    """
    load: dict[str, Load] = {}
    known = {} if known is None else known
    for name, loaded in voices.items():
        shape = loaded.voice.workload
        if shape in known:
            load[name] = known[shape]
            continue
        if planes[name].batch is None:
            load[name] = _loads_together(planes[name], name, loaded, config.chunk)
        else:
            batch = planes[name].batch or 1
            counts = sorted({1, 2, -(-batch // 2), batch})
            key = f"{shape} {loaded.sampler.device} {config.chunk} {counts}"
            trial = cache(partial(_trial, planes[name], name, loaded, config.chunk, time.thread_time))
            costs = remembered(key, partial(settled, counts, lambda count: trial(count)()))  # noqa: B023
            each = message * 16000 / config.chunk
            if loaded.voice.takes_text:  # so that any of its streams may be of text
                each += remembered(f"text {shape}", partial(_reading, loaded.voice)).each(1)
            load[name] = _loads(costs, each, batch, config.workers)
        known[shape] = load[name]
    return Capacity(load, LIMIT, measured=True)


def warm_up(plane: DataPlane, name: str, loaded: LoadedVoice, chunk: int) -> None:
    """Has a voice make a chunk: what a backend does once, such as compiling, is done then. Raises what it raises."""
    _trial(plane, name, loaded, chunk, time.perf_counter, 1)


def _reading(voice: Voice) -> Costs:
    """What making the log-mel of a text takes, the least of some times."""
    seconds = math.inf
    for _ in range(_STEPS + 1):  # the first of which warms up
        speech, frames = TextSpeech(voice), 0
        started = time.thread_time()
        speech.push(_TEXT)
        speech.finish()
        while (piece := speech.next()) is not None:
            frames += len(piece.frames)
        took = time.thread_time() - started
        seconds = min(seconds, took * voice.sample_rate / (frames * voice.hop))
    return Costs(((1, seconds),))


def _loads(costs: Costs, each: float, batch: int, cores: int) -> list[tuple[int, float]]:
    """The part of all cores' time that 1, 2, ... streams take, up to the first number that is too much; each takes so
    many seconds besides."""
    loads: list[tuple[int, float]] = []
    while not loads or (loads[-1][1] <= LIMIT and len(loads) < _MOST):
        streams = len(loads) + 1
        together = min(batch, max(1.0, streams / cores / _IN_STEP))
        loads.append((streams, streams * (costs.each(together) + each) / cores))
    return loads


def settled(counts: Sequence[int], cost: Callable[[int], float]) -> Costs:
    """What each of so many streams costs, measured until it does not change any more; `cost` measures all of them."""
    best = dict.fromkeys(counts, math.inf)
    for _ in range(_ROUNDS):
        before = dict(best)
        for count in counts:
            best[count] = min(best[count], cost(count) / count)
        if all(best[count] > (1 - _AGREE) * before[count] for count in counts):
            break
    return Costs(tuple(best.items()))


def _loads_together(plane: DataPlane, name: str, loaded: LoadedVoice, chunk: int) -> list[tuple[int, float]]:
    """The part of the time that a step of 1, 2, ... streams takes, by the clock: the device is somebody else's."""
    most, streams = loaded.sampler.max_streams, 1
    loads: list[tuple[int, float]] = []
    while not loads or (loads[-1][1] <= LIMIT and loads[-1][0] != most):
        loads.append((streams, _trial(plane, name, loaded, chunk, time.perf_counter, streams)()))
        streams = max(streams + 1, streams * 5 // 4) if most is None else min(2 * streams, most)
    return loads


def _trial(
    plane: DataPlane, name: str, loaded: LoadedVoice, chunk: int, clock: Callable[[], float], count: int
) -> Callable[[], float]:
    """What measures seconds of `clock` for a second of audio of so many streams, as often as it is called: each time
    the least of some steps."""
    n, rate = samples_at(plane.sample_rate, chunk), plane.sample_rate
    streams = [_stream(plane, name, loaded, n * (_STEPS + 1) * _ROUNDS + rate // 4) for _ in range(count)]

    def step() -> float:
        started = clock()
        made = list(plane.ready(streams, [n] * count))
        for _, samples in plane.advance(streams, n, alone=False):
            made += samples  # type: ignore[arg-type]
        for result in made:
            if isinstance(result, Exception):
                raise result
        return (clock() - started) * rate / n

    step()  # which warms up
    return lambda: min(step() for _ in range(_STEPS))


def _stream(plane: DataPlane, name: str, loaded: LoadedVoice, samples: int) -> object:
    """A stream that has all its input, and whose correction, if it is to have one, is under way."""
    voice, speaker = loaded.voice, 0 if loaded.voice.speakers else None
    if not voice.takes_mel:
        return plane.open(EngineRequest(name, "duration", speaker=speaker, samples=samples))
    stream = plane.open(EngineRequest(name, "audio", speaker=speaker, correction=voice.correction))
    lead = stream.lead
    stream.push(np.random.default_rng(0).random(samples + lead, np.float32) - np.float32(0.5))
    if lead and not isinstance(plane.ready([stream], [lead])[0], Exception):
        for _ in plane.advance([stream], lead, alone=False):
            pass
    return stream
