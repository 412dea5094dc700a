"""A server with front ends in processes of their own: what holds for one process holds for all of them together."""

import asyncio
import resource
import sys
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.server.calls import (
    clip,
    configuration,
    of_audio,
    of_mel,
    of_nothing,
    rest_of,
    resynthesized,
    stream_bytes,
    streamed,
    whole,
)
from tests.server.processes.conftest import connected_channel
from wavesynth.sampling.backends.sampler import LostError
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.v1 import images_pb2
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.images_pb2_grpc import ImageServiceStub
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, where /proc says who has a connection"),
]

SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def stubs(channels):
    """A stub for each front end."""
    return [SynthesisServiceStub(channel) for channel in channels.values()]


async def eventually(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_bytes_are_those_of_one_process_on_every_front_end(stub, stubs):
    requests = [
        of_audio(),
        of_audio(voice="of-two", speaker="speaker-1", seed=2**63, encoding=pb.ENCODING_MULAW),
        of_mel(np.zeros((30, 80)), first_sample=1000, correction=True),
        of_nothing(0.5, encoding=pb.ENCODING_FLAC),
    ]
    for fields in requests:
        expected = (await whole(stub, **fields)).audio
        for there in stubs:
            assert (await whole(there, **fields)).audio == expected
            assert await stream_bytes(there, **fields) == expected
    pieces = np.split(clip(4000), [7, 1000, 1003, 2500])
    messages = [configuration(seed=5), *(pb.ResynthesizeRequest(audio=p.tobytes()) for p in pieces)]
    expected = b"".join(chunk.audio for chunk in await resynthesized(stub, messages))
    for there in stubs:
        assert b"".join(chunk.audio for chunk in await resynthesized(there, messages)) == expected


async def test_the_voices_are_listed_as_by_one_process(stub, stubs):
    expected = await stub.ListVoices(pb.ListVoicesRequest())
    for there in stubs:
        assert await there.ListVoices(pb.ListVoicesRequest()) == expected


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (of_audio(voice="nobody"), grpc.StatusCode.NOT_FOUND),
        (of_audio(voice="of-two", speaker="nobody"), grpc.StatusCode.INVALID_ARGUMENT),
        (of_nothing(1000), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_bad_input_gets_the_sentence_of_one_process(stub, stubs, fields, code):
    said = set()
    for there in [stub, *stubs]:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await whole(there, **fields)
        assert error.value.code() == code
        said.add(error.value.details())
    assert len(said) == 1


async def test_input_that_turns_bad_ends_its_call_with_a_sentence(stubs):
    for there in stubs:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await resynthesized(there, [configuration(), pb.ResynthesizeRequest(audio=b"odd")])
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_health_is_that_of_one_process(channels):
    for channel in channels.values():
        assert (await HealthStub(channel).Check(health_pb2.HealthCheckRequest())).status == SERVING


async def test_live_streams_of_all_front_ends_share_the_room(crew, stubs):
    calls = []
    for number in range(8):
        call = stubs[number % 2].Resynthesize()
        await call.write(configuration())
        calls.append(call)
    await eventually(lambda: crew.engine.live == 8)
    for there in stubs:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await streamed(there, **of_audio())
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "retry-after-ms" in dict(error.value.trailing_metadata())
    calls[0].cancel()  # of the first front end: the second has its place
    await eventually(lambda: crew.engine.live == 7)
    assert len(await stream_bytes(stubs[1], **of_audio())) == 2000
    for call in calls:
        call.cancel()
    await eventually(lambda: crew.engine.live == 0)


async def test_a_listener_who_stops_reading_stops_nobody_else(crew, stubs):
    still = [there.StreamSynthesize(pb.StreamSynthesizeRequest(**of_nothing(19.0))) for there in stubs]
    for call in still:
        await call.read()
    for there in stubs:
        assert len(await stream_bytes(there, **of_audio())) == 2000
    for call in still:
        call.cancel()
    await eventually(lambda: crew.engine.live == 0)


async def test_metrics_are_the_sum_of_all_front_ends(crew, stubs):
    def said():
        page = urlopen(f"http://127.0.0.1:{crew.config.metrics_port}/metrics").read().decode()
        lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    calls = 'wavesynth_calls_total{code="OK",method="Synthesize"}'
    before = await asyncio.to_thread(said)
    for there in stubs:
        await whole(there, **of_audio())
    after = await asyncio.to_thread(said)
    assert after[calls] == before.get(calls, 0) + 2
    assert after["wavesynth_streams_live"] == 0
    counted = 'wavesynth_samples_total{voice="tiny"}'
    assert after[counted] == before.get(counted, 0) + 2000


async def test_images_are_made_as_by_one_process(channels):
    request = images_pb2.SampleImageRequest(synthesis=images_pb2.ImageSynthesis(model="binary", seed=3))
    made = set()
    for channel in channels.values():
        stub = ImageServiceStub(channel)
        listed = await stub.ListImageModels(images_pb2.ListImageModelsRequest())
        assert [model.name for model in listed.models] == ["binary", "classes", "long", "whole"]
        made.add(b"".join([response.row.pixels async for response in stub.SampleImage(request)]))
    assert len(made) == 1 and len(made.pop()) == 30


async def test_the_page_is_served(crew):
    page = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{crew.web_port}/voices").read())
    assert b'"tiny"' in page


async def test_token_and_tls_hold_on_all_front_ends(config):
    folder = Path(__file__).parents[1] / "tls"
    tls = (folder / "cert.pem", folder / "key.pem")
    trusted = grpc.ssl_channel_credentials(tls[0].read_bytes())
    async with ServerWithFrontEnds(replace(config, workers=2, tls=tls, token="secret")) as crew:
        for number in range(6):  # each a connection of its own
            options = [("grpc.use_local_subchannel_pool", 1), ("number", number)]
            async with grpc.aio.secure_channel(f"localhost:{crew.port}", trusted, options) as channel:
                stub = SynthesisServiceStub(channel)
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await stub.ListVoices(pb.ListVoicesRequest())
                assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
                await stub.ListVoices(pb.ListVoicesRequest(), metadata=[("authorization", "Bearer secret")])


async def test_when_the_engine_is_lost_health_says_so_on_all_front_ends(config, on_each):
    async with (
        ServerWithFrontEnds(replace(config, host="0.0.0.0", workers=2)) as crew,
        on_each(crew, connected_channel) as channels,
    ):
        crew.engine.lose(LostError("the card is gone"))
        for channel in channels.values():
            async with asyncio.timeout(20):
                while (await HealthStub(channel).Check(health_pb2.HealthCheckRequest())).status == SERVING:
                    await asyncio.sleep(0.01)
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await stream_bytes(SynthesisServiceStub(channel), **of_audio())
            assert error.value.code() == grpc.StatusCode.UNAVAILABLE
            assert error.value.details() == "the card is gone"


async def test_draining_lets_calls_end_and_then_all_processes_do(config):
    async with (
        ServerWithFrontEnds(replace(config, workers=2)) as crew,
        connected_channel(f"127.0.0.1:{crew.port}") as channel,
    ):
        stub, processes = SynthesisServiceStub(channel), crew.processes
        under_way = stub.Resynthesize()
        await under_way.write(configuration())
        await under_way.write(pb.ResynthesizeRequest(audio=clip(880).tobytes()))
        await under_way.read()
        drained = asyncio.create_task(crew.drain())
        async with asyncio.timeout(20):
            while (await HealthStub(channel).Check(health_pb2.HealthCheckRequest())).status == SERVING:
                await asyncio.sleep(0.01)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await streamed(stub, **of_nothing())
        assert error.value.details() == "the service is shutting down"
        assert not drained.done()
        await under_way.done_writing()
        assert (await rest_of(under_way))[-1].statistics.samples == 880
        await asyncio.wait_for(drained, 20)
    assert len(processes) == 2 and not any(Path(f"/proc/{process}").exists() for process in processes)


async def test_a_port_in_use_is_one_sentence(config, crew):
    for port in (crew.port, crew.web_port):
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: the port is in use"):
            async with ServerWithFrontEnds(replace(config, workers=1, port=port)):
                pass


async def test_memory_that_cannot_be_had_is_one_sentence(config):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(
            OSError, match=r"cannot share .* MiB of memory between processes, for \d+ streams: "
        ):
            async with ServerWithFrontEnds(replace(config, workers=1)):
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
