"""What a stream costs the processor beside a GPU: microseconds of one core for 10 ms of audio.

Sampling itself is left out: a backend that has its samples at once stands for the GPU. Of what is computed for many
streams together (log-mel, correction) the time is given with it, as on this processor, and without it, as where a GPU
does it; the rest is Python. gRPC is that of a whole server, with listeners in a process of their own.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from wavesynth.audio.executor import per_stream
from wavesynth.audio.mel import features_in_turn
from wavesynth.benchmarks.first_audio import as_served, first_audio
from wavesynth.benchmarks.processor import usage
from wavesynth.engine.benchmark import random_voice
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.engine import Engine
from wavesynth.engine.planes import plane_of
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.stream import EngineRequest, EngineStream
from wavesynth.models.wavenet import WaveNetConfig
from wavesynth.sampling.backends.frames import FrameState
from wavesynth.server.config import ServerConfig
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.server.server import Server
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.voice import save_voice

__all__ = ["host_cost", "joining"]

#: Samples of each stream in a millisecond, measured on an H100 with 30 layers: streams at most, kHz.
_H100 = ((8 * 132, 41.34), (16 * 132, 35.69), (32 * 132, 22.40))
#: Seconds until features that a GPU computes are back.
_ROUND_TRIP = 0.0034
#: Frames that are corrected jointly, as most voices have it.
FRAMES = 8


class ReadySampler:
    """A backend that takes no time."""

    takes_windows, device, bytes_per_stream, max_streams, elsewhere = True, "none", 0, None, False

    def __init__(self, executor: Any, streams: int) -> None:
        self.executor = executor
        self._samples = np.random.default_rng(0).uniform(-0.1, 0.1, (streams, 16000)).astype(np.float32)

    def start(self) -> FrameState:
        """A stream."""
        return FrameState()

    def launch(self, states: Any, conditioning: Any, params: Any, n: int) -> np.ndarray:
        """Samples."""
        for state in states:
            state.index += n
        return self._samples[: len(states), :n]


class LaterSamples:
    """Samples that are there at a time of time.perf_counter()."""

    def __init__(self, samples: np.ndarray, at: float) -> None:
        self._samples, self._at = samples, at

    def ready(self) -> bool:
        """Whether they are."""
        return time.perf_counter() >= self._at

    def __call__(self) -> np.ndarray:
        """Waits for them."""
        time.sleep(max(0.0, self._at - time.perf_counter()))
        return self._samples


class WaitingSampler(ReadySampler):
    """A backend that takes as long as an H100, one launch after the other, and computes nothing."""

    elsewhere = True

    def __init__(self, executor: Any) -> None:
        super().__init__(executor, 1)
        self._free = 0.0

    def launch(self, states: Any, conditioning: Any, params: Any, n: int) -> Any:
        """Samples that are there later."""
        for state in states:
            state.index += n
        kilohertz = next(rate for most, rate in _H100 if len(states) <= most)
        self._free = max(self._free, time.perf_counter()) + n / kilohertz / 1000
        return LaterSamples(np.broadcast_to(self._samples[:, :n], (len(states), n)), self._free)


def gpu_round_trip(function: Any, *rows: torch.Tensor, **constants: Any) -> torch.Tensor:
    """Rows of the right shape, after as long as a GPU takes."""
    time.sleep(_ROUND_TRIP)
    return no_work(function, *rows, **constants)


def no_work(function: Any, *rows: torch.Tensor, **constants: Any) -> torch.Tensor:
    """Rows of the right shape, at no cost."""
    return (
        rows[0].new_zeros(len(rows[0]), constants["frames"], 80) if function is features_in_turn else rows[0]
    )


def engine_cost(
    executor: Any, chunk: int, bands: int, correction: bool, streams: int, seconds: float
) -> float:
    """Microseconds of the engine's thread for 10 ms of one of so many streams, in steps of `chunk` samples."""
    voice = random_voice(WaveNetConfig(3, 10, mel_bands=bands))
    loaded = LoadedVoice(voice, ReadySampler(executor, streams))  # type: ignore[arg-type]
    noise = np.random.default_rng(0).random(int((seconds + 1) * 16000), np.float32) - np.float32(0.5)

    plane, jobs = plane_of(loaded), []
    for _ in range(streams):
        kind: Literal["audio", "duration"] = "audio" if bands else "duration"
        frames = FRAMES if correction else 0
        jobs.append(plane.open(EngineRequest(voice.name, kind, samples=len(noise), correction=frames)))
        if bands:
            jobs[-1].push(noise)
    steps, began = int(seconds * 16000 / chunk), 0.0
    for step in range(-2, steps):
        if step == 0:
            began = time.thread_time()
        plane.ready(jobs, [chunk] * len(jobs))
        for _ in plane.advance(jobs, chunk, alone=False):
            pass
    return (time.thread_time() - began) * 1e6 / (steps * streams) * 160 / chunk


@as_served()
def handing_out_cost(streams: int, seconds: float, chunk: int = 640) -> float:
    """Microseconds of the whole engine for 10 ms of one of so many corrected streams: choosing who is next, the
    stages, and handing out, by its workers beside a sampler that waits as long as an H100."""
    voice = random_voice(WaveNetConfig(3, 10, mel_bands=80))
    voices = {voice.name: LoadedVoice(voice, WaitingSampler(no_work))}  # type: ignore[arg-type]
    noise = np.random.default_rng(0).random(int(seconds * 16000), np.float32) - np.float32(0.5)
    ended, all_ended, samples = set(), threading.Event(), 0

    def notify(some: Sequence[EngineStream]) -> None:
        nonlocal samples
        for stream in some:
            samples += sum(len(output.samples) for output in stream.take())
            if stream.closed:
                ended.add(stream)
        if len(ended) == streams:
            all_ended.set()

    request = EngineRequest(voice.name, "audio", correction=FRAMES)
    with Engine(voices, Capacity.of(streams, voices), EngineConfig(chunk=chunk), notify) as engine:
        opened = [engine.open(request) for _ in range(streams)]
        began = time.process_time()
        for stream in opened:
            stream.push(noise)
            stream.finish()
        if not all_ended.wait(60 * seconds):
            raise RuntimeError("the engine did not make all audio")
        return (time.process_time() - began) * 1e6 / samples * 160


async def service_cost(streams: int, seconds: float, workers: int = 0) -> dict[str, float]:
    """Microseconds for a message of a server without input: of the engine's process, its bookkeeping included, and of
    all its processes together, the `workers` front ends among them. Nobody keeps the listeners to real time, so a
    message has several steps' audio: `message_ms`."""
    with tempfile.TemporaryDirectory() as folder:
        voice = random_voice(WaveNetConfig(1, 2, mel_bands=0))
        save_voice(Path(folder) / voice.name, voice)
        config = ServerConfig(port=0, voices=Path(folder), live_streams=streams, workers=workers)
        async with ServerWithFrontEnds(config) if workers else Server(config) as server:
            there = LoadedVoice(voice, ReadySampler(per_stream, streams))  # type: ignore[arg-type]
            server.engine.planes = {voice.name: plane_of(there)}
            await _listened_to(server.port, streams, 0.5)  # what is imported and made once
            before = time.process_time(), _of_front_ends()
            messages = await _listened_to(server.port, streams, seconds)
            after = time.process_time(), _of_front_ends()
    engine, front_ends = (1e6 * (b - a) / messages for a, b in zip(before, after, strict=True))
    message_ms = 1000 * streams * seconds / messages
    return {"message_ms": message_ms, "engine": engine, "together": engine + max(0.0, front_ends)}


async def _listened_to(port: int, streams: int, seconds: float) -> int:
    """The messages of so many streams, read by a process of their own."""
    arguments = map(str, (port, streams, seconds))
    command = [sys.executable, "-m", "wavesynth.benchmarks.listeners", *arguments]
    listeners = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    return int((await listeners.communicate())[0])


def _of_front_ends() -> float:
    """Seconds of processors that the processes below this one took, without those that have ended: listeners."""
    used, own = usage(os.getpid()), os.times()
    return 0.0 if used is None else used.seconds - sum(own[:4])  # each to a tick, of some milliseconds


def host_cost(streams: int = 50, seconds: float = 4.0) -> Iterator[dict[str, Any]]:
    """Microseconds of one core for 10 ms of one of so many streams, each of `seconds` of audio.

    For each length of an engine step, with the features and corrections computed here or on a GPU; then of the whole
    engine; and last for a message of gRPC, without front-end processes and with two.
    """
    torch.set_num_threads(1)
    for chunk in (160, 640):
        for name, executor in (("here", per_stream), ("gpu", no_work)):
            inputs = {"no_input": (0, False), "analysed": (80, False), "corrected": (80, True)}
            costs = {
                what: engine_cost(executor, chunk, *how, streams, seconds) for what, how in inputs.items()
            }
            yield {"step_ms": chunk / 16, "computed": name, **costs}
    yield {"engine_step_ms": 40, "corrected": handing_out_cost(streams, seconds)}
    for workers in (0, 2):
        yield {"grpc_workers": workers, **asyncio.run(service_cost(streams, seconds, workers))}


def joining(loads: Sequence[tuple[int, bool]] = ((2000, False), (200, True))) -> Iterator[dict[str, Any]]:
    """Milliseconds until streams that join have their first audio, beside each of `loads`: so many streams, and whether
    they are of audio and corrected. A sampler that waits as long as an H100 stands for the GPU."""
    for chunk in (160, 640):
        for streams, from_audio in loads:
            measured = first_audio(
                streams, 20, from_audio, sampler=lambda _: WaitingSampler(gpu_round_trip), chunk=chunk
            )
            yield {"step_ms": chunk / 16, "corrected": from_audio, **measured}
