"""How long a stream that joins the engine waits for its first audio."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import numpy as np

__all__ = ["first_audio"]

#: Seconds after which something is wrong, even in Triton's interpreter.
_PATIENCE = 180.0


@contextmanager
def as_served() -> Iterator[None]:
    """One thread for PyTorch, and what is loaded left out of collections: as the server has it."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(threads)


@as_served()
def first_audio(
    neighbours: int,
    joins: int,
    from_audio: bool,
    small: bool = False,
    sampler: Callable[[Any], Any] | None = None,
    chunk: int = 160,
) -> dict[str, Any]:
    """Milliseconds until a stream that joins the engine has its first 10 ms, beside live neighbours.

    The whole engine, without gRPC. With `from_audio` each stream's input is audio, which is analysed, and its output is
    corrected by eight frames, as most voices have it; without, it has no input. `real_time_factor` is the seconds of
    audio that each neighbour is made in a second meanwhile: below 1, they are late. `processor_us` are microseconds of
    this process for 10 ms of a neighbour. `sampler` makes one of a voice, if not this GPU's.
    """
    from wavesynth.audio.analysis import MelConfig
    from wavesynth.engine.benchmark import random_voice
    from wavesynth.engine.config import EngineConfig
    from wavesynth.engine.engine import Engine
    from wavesynth.engine.scheduler import Capacity
    from wavesynth.engine.stream import EngineRequest, EngineStream
    from wavesynth.models.wavenet import WaveNetConfig
    from wavesynth.sampling.params import SamplingParams
    from wavesynth.voices.loaded import LoadedVoice
    from wavesynth.voices.samplers import make_sampler

    bands, mel = 80 if from_audio else 0, MelConfig()
    config = WaveNetConfig(3, 10, mel_bands=bands)
    if small:  # no more samples than it must make: in the interpreter each takes a hundredth of a second
        mel = MelConfig(window=64, hop=16)
        config = WaveNetConfig(1, 1, 32, 32, 32, mel_bands=bands, mel_channels=16, hop=mel.hop)
        chunk = mel.hop
    voice = replace(random_voice(config), mel=mel)

    def of_this_gpu(voice: Any) -> Any:
        # One joins at a time; a stream that has left keeps its slot for a while.
        return make_sampler(voice, "triton", max_streams=neighbours + joins, max_batch=neighbours + 1)

    voices = {voice.name: LoadedVoice(voice, (sampler or of_this_gpu)(voice))}
    noise = np.random.default_rng(0).random(60 * 16000, np.float32) - np.float32(0.5)
    made: dict[EngineStream, float] = {}

    def notify(streams: Sequence[EngineStream]) -> None:
        now = time.perf_counter()
        for stream in streams:
            if not stream.closed and stream.take():
                made.setdefault(stream, now)

    def opened(engine: Engine, seed: int) -> EngineStream:
        frames = (1 if small else 8) if from_audio else 0  # corrected jointly
        params, samples = SamplingParams(seed), None if from_audio else 60 * 16000
        kind: Literal["audio", "duration"] = "audio" if from_audio else "duration"
        stream = engine.open(EngineRequest(voice.name, kind, params, samples=samples, correction=frames))
        if from_audio:
            stream.push(noise)
        stream.finish()
        return stream

    def wait_for(streams: Sequence[EngineStream]) -> None:
        end = time.perf_counter() + _PATIENCE
        while not all(stream in made for stream in streams):
            if time.perf_counter() > end:
                raise RuntimeError(f"no audio came within {_PATIENCE:g} s")
            time.sleep(0.0002)

    capacity = Capacity.of(neighbours + joins, voices)
    with Engine(voices, capacity, EngineConfig(chunk=chunk), notify) as engine:
        others = [opened(engine, seed) for seed in range(neighbours)]
        wait_for(others)
        waits, before = [], sum(stream.samples_made for stream in others)
        began, used = time.perf_counter(), time.process_time()
        for seed in range(joins):
            joined = time.perf_counter()
            stream = opened(engine, neighbours + seed)
            wait_for([stream])
            waits.append(1000 * (made[stream] - joined))
            stream.cancel()
        samples = sum(stream.samples_made for stream in others) - before
        seconds, used = time.perf_counter() - began, time.process_time() - used
    waits.sort()
    return {
        "neighbours": neighbours, "median_ms": waits[len(waits) // 2], "longest_ms": waits[-1],
        "real_time_factor": samples / 16000 / neighbours / seconds if neighbours else None,
        "processor_us": 1e6 * used / samples * 160 if samples else None,
    }  # fmt: skip
