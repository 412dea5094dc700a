"""How messages are read: the first one in time, no more at once than there is memory for, and none from strangers."""

import asyncio
from contextlib import AsyncExitStack

import grpc
import pytest

from tests.server import running
from tests.server.calls import clip, configuration, of_nothing, rest_of, stream_bytes
from tests.server.frames import HandMade
from wavesynth.server import budget
from wavesynth.server.limits import Limits
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.server.server import Server
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVICE = "/wavesynth.v1.SynthesisService/"
MEBIBYTE = 1 << 20
METHODS = [
    *(SERVICE + name for name in ("ListVoices", "Synthesize", "StreamSynthesize", "Resynthesize")),
    "/wavesynth.v1.ImageService/SampleImage",
    "/grpc.health.v1.Health/Check",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
]


def serving(config, limits, **changes):
    kind = ServerWithFrontEnds if changes.get("workers", config.workers) else Server
    return running.serving(config, kind, limits=limits, **changes)


def silent(channel, method):
    """A call that has begun, and sends nothing."""
    return channel.stream_stream(method, None, None)()


async def ending(call):
    """How a call ends: status and sentence."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        async with asyncio.timeout(20):
            await call.read()
    return error.value.code(), error.value.details()


@pytest.mark.parametrize("workers", [0, 1])
async def test_a_call_without_a_first_message_ends(config, workers):
    async with serving(config, Limits(first_message=0.3), workers=workers) as (_, channel):
        for code, sentence in await asyncio.gather(*(ending(silent(channel, name)) for name in METHODS)):
            assert code is grpc.StatusCode.DEADLINE_EXCEEDED
            assert sentence.startswith("no message came in time; the first may take 0.3 seconds")


@pytest.mark.parametrize("method", METHODS[:5])
async def test_of_a_stranger_nothing_is_read(config, method):
    async with serving(config, Limits(), token="secret") as (_, channel):
        code, _ = await ending(silent(channel, method))
        assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_unary_call_without_a_message_is_told_so(config):
    async with serving(config, Limits()) as (_, channel):
        call = silent(channel, SERVICE + "Synthesize")
        await call.done_writing()
        assert await ending(call) == (grpc.StatusCode.INVALID_ARGUMENT, "the request is missing")


async def test_no_more_first_messages_come_at_once_than_there_is_memory_for(config, monkeypatch):
    """Of three callers who stop a byte short of 15 MiB, two are let send; others get on when these have ended."""
    monkeypatch.setattr(budget, "UNDISTURBED", 60.0)
    size = 15 * MEBIBYTE
    async with serving(config, Limits(input_bytes=40 * MEBIBYTE, first_message=5)) as (server, channel):
        with HandMade(server.port) as caller:
            streams = [caller.begin(SERVICE + "Synthesize") for _ in range(3)]
            for stream in streams:
                caller.message(stream, b"", announced=size, end=False)
            sent = await asyncio.to_thread(caller.pour, size - 1, streams, 1)
            assert sorted(sent[stream] > 65_536 for stream in streams) == [False, True, True]
            assert len(await stream_bytes(SynthesisServiceStub(channel), **of_nothing())) == 3200


async def test_callers_who_send_nothing_keep_nobody_away(config):
    async with serving(config, Limits(input_bytes=40 * MEBIBYTE, first_message=300)) as (_, channel):
        silent_ones = [silent(channel, SERVICE + "Synthesize") for _ in range(3)]  # there is room for two
        ends = [asyncio.ensure_future(ending(call)) for call in silent_ones]
        assert len(await stream_bytes(SynthesisServiceStub(channel), **of_nothing())) == 3200
        first, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        assert {end.result()[0] for end in first} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        for call in silent_ones:
            call.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def held(channel):
    """A live call whose last message has 10 MiB."""
    call = SynthesisServiceStub(channel).Resynthesize()
    await call.write(configuration())
    await call.write(pb.ResynthesizeRequest(audio=clip(5 * MEBIBYTE).tobytes()))
    await call.read()
    return call


async def test_input_that_is_held_leaves_less_for_others_until_its_call_ends(config):
    limits = Limits(input_bytes=24 * MEBIBYTE, first_message=0.5)
    async with serving(config, limits, max_seconds=600) as (_, channel):
        call = await held(channel)
        code, sentence = await ending(silent(channel, METHODS[0]))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "the input of all calls together takes up its 24 MiB" in sentence
        call.cancel()
        assert len(await stream_bytes(SynthesisServiceStub(channel), **of_nothing())) == 3200


async def test_one_client_has_a_share_of_the_memory(config, network):
    limits = Limits(input_bytes=40 * MEBIBYTE, first_message=0.5, client_share=0.5)
    async with serving(config, limits, max_seconds=600) as (server, channel):
        with network(server.port, source="127.0.0.2") as link:
            async with grpc.aio.insecure_channel(link.address) as of_another:
                call = await held(of_another)
                code, sentence = await ending(silent(of_another, METHODS[0]))
                assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert "or that of one client its 50% of them" in sentence
                assert len(await stream_bytes(SynthesisServiceStub(channel), **of_nothing())) == 3200
                call.cancel()


async def test_calls_above_their_number_are_refused_until_others_have_ended(config):
    async with serving(config, Limits(calls=2)) as (server, _), AsyncExitStack() as stack:

        async def connection():
            """One of its own, since a connection has no more calls than that either."""
            alone = [("grpc.use_local_subchannel_pool", 1)]
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", alone)
            return await stack.enter_async_context(channel)

        live = [SynthesisServiceStub(await connection()).Resynthesize() for _ in range(2)]
        for call in live:
            await call.write(configuration())
            await call.write(pb.ResynthesizeRequest(audio=clip(1000).tobytes()))
            await call.read()
        stub = SynthesisServiceStub(await connection())
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.ListVoices(pb.ListVoicesRequest())
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await live[0].done_writing()
        await rest_of(live[0])
        async with asyncio.timeout(20):
            while True:
                try:
                    await stub.ListVoices(pb.ListVoicesRequest())
                    break
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.01)
        live[1].cancel()


async def test_one_client_has_a_share_of_the_calls(config, network):
    async with serving(config, Limits(calls=4, client_share=0.5)) as (server, channel):
        with network(server.port, source="127.0.0.2") as link:
            async with grpc.aio.insecure_channel(link.address) as of_another:
                held = [silent(of_another, METHODS[0]) for _ in range(2)]
                for call in held:
                    await call.wait_for_connection()
                await asyncio.sleep(0.1)
                code, sentence = await ending(silent(of_another, METHODS[0]))
                assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert sentence == "127.0.0.2 has 2 calls under way; a client may have so many at most"
                assert len(await stream_bytes(SynthesisServiceStub(channel), **of_nothing())) == 3200
                for call in held:
                    call.cancel()
