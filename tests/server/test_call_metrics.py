"""What is counted of calls: why they were refused, whose they were, and how long each part took."""

import asyncio
from contextlib import suppress

import grpc
import pytest
from prometheus_client import generate_latest

from tests.server.calls import configuration, of_audio, of_nothing, streamed, whole
from tests.server.running import synthesizing
from wavesynth.server.tokens import hash_of
from wavesynth.v1 import synthesis_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = "".join(
    f'[{name}]\nsha256 = "{hash_of(name)}"\n{rest}\n'
    for name, rest in (
        ("radio", "streams = 1"),
        ("editor", 'scopes = ["list"]'),
        ("once", "requests_a_minute = 1"),
    )
)


def figures(server, name=""):
    lines = generate_latest(server.metrics.registry).decode().splitlines()
    said = (line.rpartition(" ") for line in lines if line.startswith(name) and not line.startswith("#"))
    return {name: float(value) for name, _, value in said if "_created" not in name}


def by(token):
    return [("authorization", f"Bearer {token}")]


async def test_refusals_are_counted_by_their_reasons(config, tmp_path):
    file = tmp_path / "tokens.toml"
    file.write_text(TOKENS, "utf-8")
    async with synthesizing(config, tokens=file, live_streams=1) as (server, stub):

        async def speaks(token):
            with suppress(grpc.aio.AioRpcError):
                await stub.Synthesize(pb.SynthesizeRequest(**of_audio()), metadata=by(token))

        call = stub.Resynthesize(metadata=by("radio"))
        await call.write(configuration())
        async with asyncio.timeout(20):
            while not server.engine.live:
                await asyncio.sleep(0.005)
        for token in ("editor", "nobody", "once", "once"):
            await speaks(token)
        with pytest.raises(grpc.aio.AioRpcError):
            request = pb.StreamSynthesizeRequest(**of_nothing())
            _ = [one async for one in stub.StreamSynthesize(request, metadata=by("radio"))]
        call.cancel()
        said = figures(server, "wavesynth_refused_total")
    assert said == {
        'wavesynth_refused_total{method="Synthesize",reason="scope"}': 1,
        'wavesynth_refused_total{method="Synthesize",reason="token"}': 1,
        'wavesynth_refused_total{method="Synthesize",reason="limit"}': 1,
        'wavesynth_refused_total{method="StreamSynthesize",reason="places"}': 1,
    }


async def test_clients_are_counted_by_the_names_of_tokens_and_strangers_by_none(config, tmp_path):
    file = tmp_path / "tokens.toml"
    file.write_text(TOKENS, "utf-8")
    async with synthesizing(config, tokens=file) as (server, stub):
        await stub.Synthesize(pb.SynthesizeRequest(**of_audio(1600)), metadata=by("radio"))
        for stranger in ("a", "b"):
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.ListVoices(pb.ListVoicesRequest(), metadata=by(stranger))
        said = figures(server, "wavesynth_client_")
    assert said == {
        'wavesynth_client_calls_total{client="radio",code="OK"}': 1,
        'wavesynth_client_audio_seconds_total{client="radio"}': 0.1,
    }


async def test_the_parts_of_a_call_are_timed(config):
    async with synthesizing(config) as (server, stub):
        chunks = await streamed(stub, **of_audio(3200))
        await whole(stub, **of_audio())
        said = figures(server)
    assert said['wavesynth_call_seconds_count{method="StreamSynthesize"}'] == 1
    assert said['wavesynth_call_seconds_count{method="Synthesize"}'] == 1
    # What waits is sent in one message, and is one gap; an answer of one message has none.
    assert said["wavesynth_chunk_gap_seconds_count"] == len(chunks) - 1
    assert said['wavesynth_real_time_factor_count{method="StreamSynthesize"}'] == 1
    assert said["wavesynth_step_duration_seconds_count"] == said["wavesynth_steps_total"] > 0
    assert said["wavesynth_step_duration_seconds_sum"] == said["wavesynth_step_seconds_total"]
    assert said['wavesynth_step_duration_seconds_bucket{le="+Inf"}'] == said["wavesynth_steps_total"]


async def test_calls_under_way_are_counted_until_they_end(config):
    name = 'wavesynth_calls_open{method="Resynthesize"}'
    async with synthesizing(config) as (server, stub):
        call = stub.Resynthesize()
        await call.write(configuration(audio=pb.AudioFormat()))
        await call.write(pb.ResynthesizeRequest(audio=bytes(3200)))
        await call.read()
        assert figures(server)[name] == 1
        await call.done_writing()
        while await call.read():
            pass
        assert figures(server)[name] == 0
