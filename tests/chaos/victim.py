"""Somebody who listens while others attack: a live call in real time, in a process of its own, and questions after the
server's health."""

import asyncio
import hashlib
import multiprocessing
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import grpc
import numpy as np
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.server.calls import clip, configuration
from wavesynth.benchmarks.playback import connected
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub
from wavesynth.workers import begin_worker

__all__ = ["Heard", "Victim", "victim"]

RATE = 16_000
#: Samples of a message, 10 ms.
PIECE = 160
#: Seconds between questions after health, and in which they should be answered.
EVERY, PATIENCE = 0.2, 10.0


@dataclass
class Heard:
    """What was noticed in one live call; all times in milliseconds."""

    code: str = "OK"
    digest: str = ""
    """Of all bytes of the audio."""
    late: list[float] = field(default_factory=list)
    """From when a chunk's last sample was spoken to the chunk."""
    own: list[float] = field(default_factory=list)
    """How late this process was for its own appointments."""
    health: list[float] = field(default_factory=list)
    """From a question to its answer; infinite if none came in time."""

    def figures(self):
        """The latest, and that which one in 100 exceeds."""
        late = np.array(self.late or [np.inf])
        return {
            "code": self.code,
            "latest_ms": float(late.max()),
            "p99_ms": float(np.percentile(late, 99)),
            "own_latest_ms": max(self.own, default=0.0),
            "health_latest_ms": max(self.health, default=0.0),
        }


class Victim:
    """The process; it has its connection."""

    def __init__(self, address, token):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, address, token), daemon=True)
        self._process.start()

    def begin(self, seconds):
        """Has it listen for so long."""
        self._pipe.send(seconds)

    def ready(self):
        """Whether it has heard all."""
        return self._pipe.poll()

    def heard(self):
        """What it has heard; waits for its end."""
        return self._pipe.recv()

    def close(self):
        """Ends the process."""
        self._process.terminate()
        self._process.join()


@contextmanager
def victim(address, token):
    """One, until the end."""
    made = Victim(address, token)
    try:
        yield made
    finally:
        made.close()


def _serve(pipe, address, token):
    begin_worker()
    with suppress(EOFError):
        asyncio.run(_run(pipe, address, token))


async def _run(pipe, address, token):
    async with connected(address) as channel:
        while True:
            seconds = await asyncio.to_thread(pipe.recv)
            heard = Heard()
            asking = asyncio.create_task(_ask(channel, heard))
            await _listen(channel, token, seconds, heard)
            asking.cancel()
            pipe.send(heard)


async def _ask(channel, heard):
    while True:
        asked = time.monotonic()
        try:
            await HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
            heard.health.append(1000 * (time.monotonic() - asked))
        except grpc.RpcError:
            heard.health.append(np.inf)
        await asyncio.sleep(EVERY)


async def _listen(channel, token, seconds, heard):
    said = clip(round(seconds * RATE))
    begun = time.monotonic()

    async def speak():
        yield configuration()
        for number, first in enumerate(range(0, len(said), PIECE), 1):
            due = begun + number * PIECE / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            heard.own.append(1000 * (time.monotonic() - due))
            yield pb.ResynthesizeRequest(audio=said[first : first + PIECE].tobytes())

    digest, end = hashlib.sha256(), 0
    metadata = (("authorization", f"Bearer {token}"),)
    try:
        async for response in SynthesisServiceStub(channel).Resynthesize(speak(), metadata=metadata):
            end = response.chunk.first_sample + len(response.chunk.audio) // 2
            heard.late.append(1000 * (time.monotonic() - begun - end / RATE))
            digest.update(response.chunk.audio)
    except grpc.RpcError as error:
        heard.code = error.code().name
    heard.digest = digest.hexdigest()
