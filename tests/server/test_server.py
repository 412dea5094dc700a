"""The server around the calls: health, reflection, access, room, cancelling, shutdown, metrics."""

import asyncio
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from tests.server.calls import (
    clip,
    configuration,
    of_audio,
    of_nothing,
    rest_of,
    stream_bytes,
    streamed,
    whole,
)
from tests.server.running import serving
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = "wavesynth.v1.SynthesisService"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def eventually(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def health(channel, name=NAME):
    return (await HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name))).status


@pytest.mark.parametrize("name", ["", NAME])
async def test_health_is_serving(channel, name):
    assert await health(channel, name) == SERVING


async def test_reflection_knows_the_service(channel):
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
    listed = [service.name async for r in call for service in r.list_services_response.service]
    assert NAME in listed


async def test_a_live_call_beyond_the_room_is_refused_with_the_time_to_come_back(config):
    async with serving(config, live_streams=1) as (_, channel):
        stub = SynthesisServiceStub(channel)
        first = stub.Resynthesize()
        await first.write(configuration())
        await first.write(pb.ResynthesizeRequest(audio=clip(880).tobytes()))
        await first.read()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await streamed(stub, **of_audio())
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error.value.details() == "all 1 places for live streams are taken"
        assert int(dict(error.value.trailing_metadata())["retry-after-ms"]) == 1000
        assert len((await whole(stub, **of_audio())).audio) == 2000  # offline calls have places of their own
        first.cancel()


async def test_chunks_are_as_long_as_the_server_was_told(config):
    async with serving(config, chunk=400) as (_, channel):
        made = await streamed(SynthesisServiceStub(channel), **of_audio())
    assert {chunk.first_sample % 400 for chunk in made} == {0}
    assert sum(len(chunk.audio) for chunk in made) == 2000


@pytest.mark.parametrize("end", ["cancel", "deadline", "vanish"])
async def test_a_call_that_is_given_up_frees_its_place(config, end):
    async with serving(config, live_streams=1) as (server, channel):
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as its_own:
            stub = SynthesisServiceStub(its_own)
            # The types of grpc-stubs are those of gRPC without asyncio.
            call = stub.Resynthesize(timeout=0.3 if end == "deadline" else None)  # type: ignore[call-arg]
            await call.write(configuration())
            await call.write(pb.ResynthesizeRequest(audio=clip(1000).tobytes()))
            await call.read()
            assert server.engine.live == 1
            if end == "cancel":
                call.cancel()
            if end == "deadline":
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await rest_of(call)
                assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        await eventually(lambda: server.engine.live == 0)
        assert len(await stream_bytes(SynthesisServiceStub(channel), **of_audio())) == 2000


async def test_a_step_that_fails_is_internal_and_its_words_are_in_the_log_alone(config):
    with capture_logs() as logs:
        async with serving(config) as (server, channel):
            stub = SynthesisServiceStub(channel)
            plane = server.engine.planes["tiny"]
            advance, plane.advance = plane.advance, lambda *_: 1 / 0
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await streamed(stub, **of_audio())
            assert error.value.code() == grpc.StatusCode.INTERNAL
            sentence, _, request = error.value.details().rpartition(" ")
            assert sentence == "the service failed; its log says how, as request"
            plane.advance = advance
            assert len(await stream_bytes(stub, **of_audio())) == 2000
    (line,) = (log for log in logs if log.get("request_id") == request)
    assert line["reason"] == "making the audio failed: division by zero"


async def test_draining_lets_calls_end_and_refuses_new_ones(config):
    async with serving(config) as (server, channel):
        stub = SynthesisServiceStub(channel)
        under_way = stub.Resynthesize()
        await under_way.write(configuration())
        await under_way.write(pb.ResynthesizeRequest(audio=clip(880).tobytes()))
        await under_way.read()
        drained = asyncio.create_task(server.drain())
        await asyncio.sleep(0)
        assert await health(channel) == NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await streamed(stub, **of_nothing())
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        assert error.value.details() == "the service is shutting down"
        assert not drained.done()
        await under_way.done_writing()
        assert (await rest_of(under_way))[-1].statistics.samples == 880
        await asyncio.wait_for(drained, 10)


async def test_draining_does_not_wait_for_ever(config):
    async with serving(config, grace=0.05) as (server, channel):
        call = SynthesisServiceStub(channel).Resynthesize()
        await call.write(configuration())
        await eventually(lambda: server.engine.live)
        await asyncio.wait_for(server.drain(), 10)


@pytest.mark.parametrize("sent", [None, "Bearer wrong", "secret"])
async def test_without_the_token_there_is_nothing_but_health(config, sent):
    async with serving(config, token="secret") as (_, channel):
        stub = SynthesisServiceStub(channel)
        metadata = [("authorization", sent)] if sent else None
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.ListVoices(pb.ListVoicesRequest(), metadata=metadata)
        assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert "secret" not in error.value.details()
        assert await health(channel) == SERVING
        await stub.ListVoices(pb.ListVoicesRequest(), metadata=[("authorization", "Bearer secret")])


async def test_with_a_certificate_the_connection_is_encrypted(config):
    folder = Path(__file__).parent / "tls"
    async with serving(config, tls=(folder / "cert.pem", folder / "key.pem")) as (server, in_the_clear):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await health(in_the_clear)
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        trusted = grpc.ssl_channel_credentials((folder / "cert.pem").read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{server.port}", trusted) as channel:
            assert await health(channel) == SERVING


async def test_a_port_in_use_is_one_sentence(config):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: the port is in use"):
            async with serving(config, port=port):
                pass
        with pytest.raises(OSError, match=f"cannot serve metrics on 127.0.0.1:{port}: the port is in use"):
            async with serving(config, metrics_port=port):
                pass


async def test_metrics_are_served_and_their_port_is_free_afterwards(config):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with serving(config, metrics_port=port) as (_, channel):
        await streamed(SynthesisServiceStub(channel), **of_audio())
        page = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{port}/metrics").read())
        assert b"wavesynth_time_to_first_audio_seconds_count 1.0" in page
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))


async def test_how_busy_the_engine_is_is_counted(config):
    async with serving(config) as (server, channel):
        stub = SynthesisServiceStub(channel)
        await streamed(stub, **of_audio())
        idle = figures(server)
        call = stub.Resynthesize()
        await call.write(pb.ResynthesizeRequest(config=pb.ResynthesizeConfig(audio=pb.AudioFormat())))
        await eventually(lambda: figures(server)["wavesynth_streams_live"] == 1)
        busy = figures(server)
        call.cancel()
    assert idle['wavesynth_places{voice="tiny"}'] == busy['wavesynth_places{voice="tiny"}'] > 0
    assert idle["wavesynth_load"] == 0 < busy["wavesynth_load"] <= 1
    assert (
        idle["wavesynth_steps_total"] >= idle["wavesynth_chunks_total"] > 0
    )  # one stream, whose first chunk is not counted
    assert idle["wavesynth_step_streams_total"] == idle["wavesynth_steps_total"]
    assert idle["wavesynth_step_seconds_total"] > 0
    assert idle["wavesynth_chunks_late_total"] <= idle["wavesynth_chunks_total"]


def figures(server):
    lines = generate_latest(server.metrics.registry).decode().splitlines()
    said = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in said}


async def test_probes_say_whether_calls_are_taken(config):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def said(path):
        try:
            answer = await asyncio.to_thread(urlopen, f"http://127.0.0.1:{port}/{path}")
        except HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.read()

    async with serving(config, metrics_port=port) as (server, _):
        assert [await said("live"), await said("ready")] == [(200, b"live\n"), (200, b"ready\n")]
        assert await said("ready?voice=of-two") == (200, b"ready\n")
        assert await said("ready?voice=nobody") == (404, b"there is no such voice\n")
        await server.drain()
        assert [await said("live"), await said("ready")] == [(200, b"live\n"), (503, b"not ready\n")]


async def test_what_happened_is_counted_and_logged_without_audio(config):
    with capture_logs() as logs:
        async with serving(config) as (server, channel):
            stub = SynthesisServiceStub(channel)
            await streamed(stub, **of_audio())
            with pytest.raises(grpc.aio.AioRpcError):
                await streamed(stub, **of_audio(voice="nobody"))
            metrics = server.metrics.registry
            await eventually(lambda: b'code="NOT_FOUND"' in generate_latest(metrics))
    said = generate_latest(metrics).decode()
    assert 'wavesynth_calls_total{code="OK",method="StreamSynthesize"} 1.0' in said
    assert 'wavesynth_samples_total{voice="tiny"} 1000.0' in said
    assert "wavesynth_streams_live 0.0" in said and "wavesynth_load 0.0" in said
    assert "wavesynth_time_to_first_audio_seconds_count 1.0" in said
    made, refused = [entry for entry in logs if entry.get("method") == "StreamSynthesize"]
    assert made["samples"] == 1000 and made["voice"] == "tiny" and made["real_time_factor"] > 0
    assert refused["code"] == "NOT_FOUND" and "voice is 'nobody'" in refused["reason"]
    assert not any(isinstance(value, bytes) for entry in logs for value in entry.values())
