"""How many live streams this machine carries: measured, by making some; remembered; and put right by what happens.

What is measured is processor time, which other programs do not change as they do the clock: what a core needs for a
second of a stream's audio, from its input to its samples, alone and in company, and for the messages that carry it
both ways. A machine that is shared with others is at times slower than it can be, and never faster. So the least of
several measurements counts, of several starts too. All cores together have a second a second. Of that the streams may
take `LIMIT`, or `LIMIT_AHEAD` if all of them are made ahead of their listeners; the rest is for whoever listens on this
machine, for the system, and for moments in which the machine is slower.

A stream whose input comes in real time counts 1. Its next chunk can be made when its input is there, in one step with
the streams whose input has just come too, and its input is a message too. A stream that is made ahead of its listener,
of a whole recording or of text, can wait for company, and has in hand what was made before such a moment. So it counts
less (`Capacity.ahead_share`).
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

__all__ = ["LIMIT", "LIMIT_AHEAD", "Costs", "Load", "measure_capacity", "settled"]

#: Part of the cores' time that live streams may take, as it is measured (docs/lab/2026-12-01-places.md).
LIMIT = 0.6
#: The same if all of them are made ahead of their listeners (docs/lab/2026-12-01-sixteen-streams.md).
LIMIT_AHEAD = 0.71
#: The same for planes that advance all streams together, as for a GPU, of which nothing but the steps is measured.
_LIMIT_OF_STEPS = 0.52
#: Streams in a step of those whose input comes in real time, as a server was seen to make them.
_REAL_TIME_STEP = 2.0
#: Streams that are counted at the most, where nothing else is the limit.
_MOST = 10_000
#: Chunks of each measurement; the shortest time counts.
_STEPS = 3
#: What is read aloud to measure what that costs.
_TEXT = "The birch canoe slid on the smooth planks. It costs $47.25."
#: Measurements are repeated until the last two agree within this part, or so many times.
_AGREE, _ROUNDS = 0.03, 6
#: Times that each voice is measured, at least if nothing is remembered: a machine may be slow for a second.
_VISITS = 2


@dataclass(frozen=True)
class Costs:
    """What a core needs for a second of a stream's audio, in seconds."""

    streams: tuple[tuple[int, float], ...]
    """So many streams in one step: seconds for each of them."""

    def each(self, streams: float) -> float:
        """Of one of so many streams in a step."""
        counts, seconds = zip(*self.streams, strict=True)
        return float(np.interp(streams, counts, seconds))

    def least(self, other: Costs | None) -> Costs:
        """The less of this and another measurement of the same numbers of streams, for each number."""
        if other is None or [n for n, _ in other.streams] != [n for n, _ in self.streams]:
            return self
        return Costs(
            tuple((n, min(a, b)) for (n, a), (_, b) in zip(self.streams, other.streams, strict=True))
        )


@dataclass(frozen=True)
class Load:
    """What streams of a voice take."""

    points: Sequence[tuple[int, float]]
    """As `Capacity.load` has them."""
    ahead_share: float = 1.0
    """As `Capacity.ahead_share` has it."""


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
    known = {} if known is None else known
    costs: dict[Hashable, Costs] = {}
    reading: dict[Hashable, float] = {}
    for _ in range(_VISITS):
        for name, loaded in voices.items():
            shape, plane = loaded.voice.workload, planes[name]
            if shape in known:
                continue
            if plane.batch is None:
                known[shape] = _load_together(plane, name, loaded, config)
                continue
            counts = sorted({1, 2, _economical(plane.batch), plane.batch})
            key = f"{shape} {loaded.sampler.device} {config.chunk} {counts}"
            trial = cache(partial(_trial, plane, name, loaded, config.chunk, time.thread_time))
            found = remembered(key, partial(settled, counts, lambda count: trial(count)()))  # noqa: B023
            costs[shape] = found.least(costs.get(shape))
            if loaded.voice.takes_text:  # so that any that is made ahead may be of text
                reading[shape] = remembered(f"text {shape}", partial(_reading, loaded.voice)).each(1)
    for name, loaded in voices.items():
        shape, batch = loaded.voice.workload, planes[name].batch
        if batch is not None and shape in costs:
            known[shape] = _load(
                costs[shape], message * 16000 / config.chunk, reading.get(shape, 0.0), batch, config.workers
            )
    loads = {name: known[loaded.voice.workload] for name, loaded in voices.items()}
    return Capacity(
        {name: load.points for name, load in loads.items()},
        LIMIT,
        measured=True,
        ahead_share={name: load.ahead_share for name, load in loads.items()},
    )


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


def _load(costs: Costs, messages: float, reading: float, batch: int, cores: int) -> Load:
    """The load of streams that a core makes as `costs` says. For a second of audio, messages both ways take so many
    seconds, and text takes `reading`. The points end with the first number of streams that is too much."""
    points: list[tuple[int, float]] = []
    economical = float(_economical(batch))
    while not points or (points[-1][1] <= LIMIT and len(points) < _MOST):
        streams = len(points) + 1
        together = min(_REAL_TIME_STEP, economical, max(1.0, streams / cores))
        points.append((streams, streams * (costs.each(together) + messages) / cores))
    real_time = costs.each(min(_REAL_TIME_STEP, economical)) + messages
    ahead = costs.each(economical) + messages / 2 + reading  # its input is one message, or a text
    return Load(points, ahead / real_time * LIMIT / LIMIT_AHEAD)


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


def _load_together(plane: DataPlane, name: str, loaded: LoadedVoice, config: EngineConfig) -> Load:
    """The part of the time that a step of 1, 2, ... streams takes: by the clock, if the device is somebody else's.
    Steps may take `_LIMIT_OF_STEPS` of it, so it is scaled."""
    sampler, spent = loaded.sampler, getattr(loaded.sampler, "helpers_seconds", None)
    most, streams = sampler.max_streams, 1
    points: list[tuple[int, float]] = []
    while not points or (points[-1][1] <= LIMIT and points[-1][0] != most):
        if spent is None:
            load = _trial(plane, name, loaded, config.chunk, time.perf_counter, streams)()
        else:
            trial = _trial(plane, name, loaded, config.chunk, lambda: time.thread_time() + spent(), streams)
            load = trial() / min(streams, config.workers)
        points.append((streams, load * LIMIT / _LIMIT_OF_STEPS))
        streams = max(streams + 1, streams * 5 // 4) if most is None else min(2 * streams, most)
    return Load(points)


def _economical(batch: int) -> int:
    """Streams that are worth a step of a plane that advances so many best."""
    return -(-batch // 2)


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
