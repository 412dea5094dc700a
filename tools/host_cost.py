"""What a stream costs the processor beside a GPU: microseconds of one core for 10 ms of audio (docs/gpu.md).

    python tools/host_cost.py
    python tools/host_cost.py joining      first audio of streams that join, beside a backend that waits like an H100

Sampling itself is left out: a backend that has its samples at once stands for the GPU. Of what is computed for many
streams together (log-mel, correction) the time is given with it, as on this processor, and without it, as where a GPU
does it; the rest is Python. gRPC is that of a whole server, with listeners in a process of their own.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import torch

from wavesynth.audio.executor import per_stream
from wavesynth.engine.active_stream import ActiveStream, make, prepare
from wavesynth.engine.benchmark import random_voice
from wavesynth.engine.source import AudioSource, DurationSource
from wavesynth.engine.stream import EngineRequest, EngineStream
from wavesynth.kernels.triton.bounds import BELTS, H100
from wavesynth.models.wavenet import WaveNetConfig
from wavesynth.server.server import Server, ServerConfig
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.voice import save_voice

STREAMS, SECONDS = 50, 4.0
#: Frames that are corrected jointly, as most voices have it.
FRAMES = 8


class Index:
    """A stream's state, of which only the number of its next sample is looked at."""

    index = 0


class Ready:
    """A backend that takes no time."""

    takes_windows, device, bytes_per_stream, max_streams = True, "none", 0, None

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        self._samples = np.random.default_rng(0).uniform(-0.1, 0.1, (STREAMS, 16000)).astype(np.float32)

    def start(self) -> Index:
        """A stream."""
        return Index()

    def launch(self, states: Any, conditioning: Any, keys: Any, n: int) -> np.ndarray:
        """Samples."""
        for state in states:
            state.index += n
        return self._samples[: len(states), :n]


class Drawn:
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


class Waiting(Ready):
    """A backend that takes as long as an H100, one launch after the other, and computes nothing."""

    def __init__(self, executor: Any) -> None:
        super().__init__(executor)
        self._free = 0.0
        self._few = self._samples[:1]

    def launch(self, states: Any, conditioning: Any, keys: Any, n: int) -> Any:
        """Samples that are there later."""
        for state in states:
            state.index += n
        kilohertz = next(
            timed.kilohertz for timed in BELTS if len(states) <= timed.chain.tile * H100.processors
        )
        self._free = max(self._free, time.perf_counter()) + n / kilohertz / 1000
        return Drawn(np.broadcast_to(self._few[:, :n], (len(states), n)), self._free)


def there_and_back(function: Any, *rows: torch.Tensor, **constants: Any) -> torch.Tensor:
    """Rows of the right shape, after as long as a GPU takes."""
    time.sleep(0.0034)
    return nothing(function, *rows, **constants)


def nothing(function: Any, *rows: torch.Tensor, **constants: Any) -> torch.Tensor:
    """Rows of the right shape, at no cost."""
    return torch.zeros(len(rows[0]), 80) if function.__name__ == "features" else rows[0]


def engine_cost(executor: Any, chunk: int, bands: int, correction: bool) -> float:
    """Microseconds of the engine's thread for 10 ms of a stream, in ticks of `chunk` samples."""
    voice = random_voice(WaveNetConfig(3, 10, mel_bands=bands))
    loaded = LoadedVoice(voice, Ready(executor))  # type: ignore[arg-type]
    noise = torch.rand(int((SECONDS + 1) * 16000), generator=torch.Generator().manual_seed(0)) - 0.5

    def source() -> AudioSource | DurationSource:
        return AudioSource(voice, None, 16000) if bands else DurationSource(voice, None, len(noise))

    jobs = []
    for _ in range(STREAMS):
        request = EngineRequest(voice.name, source, correction=FRAMES if correction else 0)
        jobs.append(ActiveStream(EngineStream(request, threading.Lock(), threading.Event()), loaded))
        if bands:
            jobs[-1].source.push(noise)
    ticks, began = int(SECONDS * 16000 / chunk), 0.0
    for tick in range(-2, ticks):
        if tick == 0:
            began = time.thread_time()
        prepare(jobs, [chunk] * len(jobs))
        conditioning = [job.source.conditioning(job.state.index, chunk) for job in jobs]
        ends = [job.state.index + chunk for job in jobs]
        make(jobs, loaded.sampler.launch([job.state for job in jobs], conditioning, [], chunk), ends)  # type: ignore[arg-type]
    return (time.thread_time() - began) * 1e6 / (ticks * STREAMS) * 160 / chunk


async def service_cost() -> float:
    """Microseconds of a server's process for a message of 10 ms, the engine's bookkeeping included."""
    with tempfile.TemporaryDirectory() as folder:
        save_voice(Path(folder) / "random", random_voice(WaveNetConfig(1, 2, mel_bands=0)))
        async with Server(ServerConfig(port=0, voices=Path(folder), live_streams=STREAMS)) as server:
            server.engine.voices["random"].sampler.launch = Ready(per_stream).launch  # type: ignore[method-assign]
            began = time.process_time()
            command = [sys.executable, __file__, str(server.port)]
            listeners = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            messages, _ = await listeners.communicate()
            return (time.process_time() - began) * 1e6 / int(messages)


async def listen(port: int) -> int:
    """Reads the streams of that server; how many messages there were."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_http_proxy", 0)]) as channel:
        stub = SynthesisServiceStub(channel)
        request = pb.StreamSynthesizeRequest(
            synthesis=pb.Synthesis(voice="random"), conditioning=pb.Conditioning(duration_seconds=SECONDS)
        )

        async def one() -> int:
            return sum([1 async for _ in stub.StreamSynthesize(request)])

        return sum(await asyncio.gather(*(one() for _ in range(STREAMS))))


def main() -> None:
    """Prints a table."""
    torch.set_num_threads(1)
    ways = {"here": per_stream, "elsewhere": nothing}
    print(f"{'tick':>6} {'computed':>10} {'no input':>9} {'analysed':>9} {'corrected':>10}")
    for chunk in (160, 640):
        for name, executor in ways.items():
            costs = [
                engine_cost(executor, chunk, bands, corr)
                for bands, corr in ((0, False), (80, False), (80, True))
            ]
            print(f"{chunk / 16:3.0f} ms {name:>10} {costs[0]:9.1f} {costs[1]:9.1f} {costs[2]:10.1f}")
    print(f"gRPC, a message: {asyncio.run(service_cost()):.0f}")


def joining() -> None:
    """Prints another."""
    from bench_gpu import first_audio

    print(
        f"{'tick':>6} {'streams':>8} {'':>9} {'median':>8} {'longest':>8}   seconds of each a second meanwhile"
    )
    for chunk in (160, 640):
        for streams, heard in ((2000, False), (200, True)):
            r = first_audio(streams, 20, heard, sampler=lambda _: Waiting(there_and_back), chunk=chunk)
            print(
                f"{chunk / 16:3.0f} ms {streams:8} {'corrected' if heard else '':>9} {r['median_ms']:5.1f} ms "
                f"{r['longest_ms']:5.1f} ms   {r['real_time_factor']:.2f}"
            )


if __name__ == "__main__":
    if sys.argv[1:] == ["joining"]:
        joining()
    elif len(sys.argv) > 1:
        print(asyncio.run(listen(int(sys.argv[1]))))
    else:
        main()
