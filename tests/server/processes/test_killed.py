"""Processes that are killed from one moment to the next, mid-stream."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import grpc
import numpy as np
import pytest

from tests.server.calls import clip, configuration, of_audio, rest_of, stream_bytes, whole
from tests.server.processes.conftest import connected_channel
from wavesynth.clients.aio import AsyncClient
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, where /proc says who has a connection"),
]


async def eventually(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def connected_client(address):
    async with AsyncClient(address) as client:
        await client.voices()
        yield client


async def test_a_front_end_that_is_killed_is_replaced_and_its_streams_resume_with_the_same_bytes(
    crew, on_each, stub
):
    """The others' go on over the connection that they have."""
    samples = clip(6000).astype(np.float32) / 32768
    audio = pb.AudioFormat(sample_format=pb.SAMPLE_FORMAT_FLOAT32)
    fields = of_audio(data=samples.tobytes(), format=audio)
    expected = (await whole(stub, **fields)).audio
    hearing, killed = set(), asyncio.Event()

    async def microphone():
        yield samples[:3000]
        await killed.wait()
        yield samples[3000:]

    async def listen(client):
        """What is heard of a speaker who goes on when the process is killed, and how often it reconnected."""
        call, heard = client.resynthesize(microphone(), "tiny"), b""
        async for chunk in call.chunks():
            heard += np.round(chunk.samples * 32768).astype("<i2").tobytes()
            hearing.add(client)
        return heard, call.reconnected

    async with on_each(crew, connected_client) as clients:
        hit, other = clients
        calls = {process: asyncio.create_task(listen(client)) for process, client in clients.items()}
        await eventually(lambda: len(hearing) == 2)
        os.kill(hit, signal.SIGKILL)
        await eventually(lambda: len(crew.processes) == 2 and hit not in crew.processes)
        killed.set()
        async with asyncio.timeout(60):
            assert await calls[hit] == (expected, 1)
            assert await calls[other] == (expected, 0)
    await eventually(lambda: crew.engine.live == 0)
    page = await asyncio.to_thread(urlopen, f"http://127.0.0.1:{crew.config.metrics_port}/metrics")
    under_way = re.findall(r"^wavesynth_calls_open\{.*\} (.*)", page.read().decode(), re.M)
    assert under_way and set(under_way) == {"0.0"}  # those of the front end that is gone too


async def test_a_front_end_that_is_told_to_end_drains_and_is_replaced(crew, channels):
    told, _ = channels
    stub = SynthesisServiceStub(channels[told])
    call = stub.Resynthesize()
    await call.write(configuration())
    await call.write(pb.ResynthesizeRequest(audio=clip(880).tobytes()))
    await call.read()
    os.kill(told, signal.SIGTERM)
    await asyncio.sleep(0.2)
    await call.done_writing()
    assert (await rest_of(call))[-1].statistics.samples == 880
    await eventually(lambda: len(crew.processes) == 2 and told not in crew.processes)


def below(process):
    """The processes that a process has started, and those that these have."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
    return [int(child) for child in children] + [one for child in children for one in below(child)]


def shared_memory():
    """What services and Python have named in shared memory. Browsers and sound servers of other tests name theirs."""
    return {name for name in os.listdir("/dev/shm") if name.startswith(("wavesynth", "psm_"))}


async def test_when_the_engine_is_killed_every_call_is_unavailable_and_nothing_is_left(two_voices):
    shared = shared_memory()
    command = [sys.executable, "-c", "from wavesynth.cli import main; main()", "serve", "--port", "0"]
    options = ["--voices", str(two_voices), "--live-streams", "8", "--workers", "2"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as engine:
        try:
            address = (await asyncio.to_thread(engine.stdout.readline)).rpartition(" ")[2].strip()
            processes = below(engine.pid)
            assert len(processes) == 3  # the template and two front ends
            async with connected_channel(address) as channel:
                stub = SynthesisServiceStub(channel)
                call = stub.Resynthesize()
                await call.write(configuration())
                await call.write(pb.ResynthesizeRequest(audio=clip(880).tobytes()))
                await call.read()
                os.kill(engine.pid, signal.SIGKILL)
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await rest_of(call)
                assert error.value.code() == grpc.StatusCode.UNAVAILABLE
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await stream_bytes(stub, **of_audio())
                assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        finally:
            engine.kill()
    await eventually(lambda: not any(Path(f"/proc/{process}").exists() for process in processes))
    assert shared_memory() == shared


async def test_when_the_process_that_forks_is_killed_another_is_started(config):
    async with ServerWithFrontEnds(replace(config, workers=1)) as crew:
        (front_end,) = crew.processes
        template = int(Path(f"/proc/{front_end}/stat").read_text("ascii").rpartition(")")[2].split()[1])
        for process in (template, front_end):
            os.kill(process, signal.SIGKILL)
        await eventually(lambda: crew.processes and crew.processes != [front_end])
        async with grpc.aio.insecure_channel(f"127.0.0.1:{crew.port}") as channel:
            assert len(await stream_bytes(SynthesisServiceStub(channel), **of_audio())) == 2000
