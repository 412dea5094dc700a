"""What holds a place and does not use it ends, in a sentence, and others get the place."""

import asyncio
import threading
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest
from prometheus_client import generate_latest

from tests.server.calls import clip, configuration, of_audio, of_nothing, rest_of, resynthesized, stream_bytes
from tests.server.frames import HandMade
from wavesynth.engine.requests import InputReader
from wavesynth.server.callers import address_of, client_of
from wavesynth.server.limits import Limits
from wavesynth.server.pace import Pace
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.server.server import Server
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVICE = "/wavesynth.v1.SynthesisService/"


@asynccontextmanager
async def serving(config, live_streams=1, **limits):
    """A server, and a stub of it whose calls take 64 KiB that nobody reads."""
    options = [("grpc.http2.bdp_probe", 0)]
    async with (
        Server(replace(config, live_streams=live_streams, limits=Limits(**limits))) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options) as channel,
    ):
        yield server, SynthesisServiceStub(channel)


def audio(samples):
    return pb.ResynthesizeRequest(audio=clip(samples).tobytes())


async def ending(call):
    """How a call ends that is read to its end: status and sentence."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await rest_of(call)
    return error.value.code(), error.value.details()


async def live_call(stub):
    """A live call that has its place."""
    call = stub.Resynthesize()
    await call.write(configuration())
    await call.write(audio(1000))
    await call.read()
    return call


async def has_a_place(stub):
    """Waits until there is a place, and takes it."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await stream_bytes(stub, **of_audio())
            except grpc.aio.AioRpcError as error:
                assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("before", [[], [configuration()], [configuration(), audio(1000)]])
async def test_a_live_call_that_sends_nothing_gives_its_place_back(config, before):
    async with serving(config, idle=0.3) as (_, stub):
        call = stub.Resynthesize()
        for message in before:
            await call.write(message)
        code, sentence = await ending(call)
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED
        assert sentence == "no input came for 0.3 seconds; a live call may send nothing for so long at most"
        assert len(await stream_bytes(stub, **of_audio())) == 2000


async def test_input_that_trickles_gives_its_place_back(config):
    async with serving(config, idle=5, behind=0.5) as (_, stub):
        call = stub.Resynthesize()
        await call.write(configuration())

        async def trickle():
            while not call.done():
                await call.write(audio(16))
                await asyncio.sleep(0.05)

        trickling = asyncio.create_task(trickle())
        code, sentence = await ending(call)
        await asyncio.wait([trickling])
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED
        assert "seconds behind half of real time; it may be behind by 0.5 seconds at most" in sentence
        assert len(await stream_bytes(stub, **of_audio())) == 2000


async def test_input_that_pauses_for_less_than_half_of_the_time_is_never_behind(config):
    async with serving(config, idle=5, behind=0.4) as (_, stub):
        call = stub.Resynthesize()
        await call.write(configuration())
        for _ in range(5):  # 1.5 s of pauses in all
            await asyncio.sleep(0.3)
            await call.write(audio(8000))
        await call.done_writing()
        assert (await rest_of(call))[-1].statistics.samples == 5 * 8000


async def test_input_that_the_server_does_not_take_yet_is_not_missed(config):
    async with serving(config, idle=0.4) as (_, stub):
        call = stub.Resynthesize()

        async def speak():
            await call.write(configuration())
            for _ in range(12):
                await call.write(audio(16_000))
            await call.done_writing()

        speaking = asyncio.create_task(speak())
        await asyncio.sleep(1.2)  # the server waits for its reader, three times as long as it would for input
        assert not speaking.done()
        chunks = await rest_of(call)
        await speaking
        assert chunks[-1].statistics.samples == 12 * 16_000


async def test_a_reader_who_stops_gives_its_place_back_and_hears_why_when_it_reads_again(config):
    async with serving(config, stall=0.5) as (server, stub):
        call = stub.StreamSynthesize(pb.StreamSynthesizeRequest(**of_nothing(20)))
        first = await call.read()
        await has_a_place(stub)
        async with asyncio.timeout(20):
            while b'code="ABORTED"' not in generate_latest(
                server.metrics.registry
            ):  # it has ended for the server
                await asyncio.sleep(0.02)
        chunks = [first.chunk]
        with pytest.raises(grpc.aio.AioRpcError) as error:
            while response := await call.read():
                chunks.append(response.chunk)
        assert error.value.code() == grpc.StatusCode.ABORTED
        assert "the answer was not read for 0.5 seconds" in error.value.details()
        heard = b"".join(chunk.audio for chunk in chunks)
        again = of_nothing(20, first_sample=len(heard) // 2)
        assert heard + await stream_bytes(stub, **again) == await stream_bytes(stub, **of_nothing(20))


async def test_a_reader_with_no_window_at_all_gives_its_place_back(config):
    async with serving(config, stall=0.3) as (server, stub):
        with HandMade(server.port, window=0) as caller:
            stream = caller.begin(SERVICE + "StreamSynthesize")
            caller.message(stream, pb.StreamSynthesizeRequest(**of_nothing(20)).SerializeToString())
            async with asyncio.timeout(20):
                while not server.engine.live:
                    await asyncio.sleep(0.005)
            await has_a_place(stub)
            assert b"grpc-status" not in await asyncio.to_thread(caller.headers)
            caller.read_on(stream)
            assert b"the answer was not read for 0.3 seconds" in await asyncio.to_thread(caller.headers)
            await asyncio.wait_for(server.drain(), 10)  # nor does the caller hold up the end


async def test_no_call_lasts_longer_than_it_may(config):
    async with serving(config, call=0.5) as (_, stub):
        call = stub.Resynthesize()
        await call.write(configuration())
        await call.write(audio(1000))
        code, sentence = await ending(call)
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED
        assert sentence == "the call has lasted 0.5 seconds; it may last so long at most"
        assert len(await stream_bytes(stub, **of_audio())) == 2000


@pytest.mark.parametrize("listens", [True, False])
async def test_a_caller_who_vanished_gives_its_place_back(config, network, listens):
    async with serving(config, vanished=2) as (server, stub):
        with network(server.port) as link:
            async with grpc.aio.insecure_channel(link.address) as channel:
                lost = SynthesisServiceStub(channel)
                if listens:
                    call: Any = lost.StreamSynthesize(pb.StreamSynthesizeRequest(**of_nothing(20)))
                    await call.read()
                else:
                    call = await live_call(lost)
                await asyncio.to_thread(link.lose)
                await has_a_place(stub)
                call.cancel()


@pytest.mark.parametrize("workers", [0, 2])
async def test_a_client_leaves_places_to_others(config, network, workers):
    config = replace(config, live_streams=4, limits=Limits(client_share=0.5), workers=workers)
    made: Any = ServerWithFrontEnds(config) if workers else Server(config)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(made)

        async def stub_from(source):
            link = stack.enter_context(network(server.port, source=source))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(link.address))
            return SynthesisServiceStub(channel)

        one, same, other = [await stub_from(f"127.0.0.{n}") for n in (2, 2, 3)]
        held = [await live_call(stub) for stub in (one, same)]
        code, sentence = await ending(one.Resynthesize(iter([configuration()])))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert sentence == ("127.0.0.2 has 2 of the places for live streams; a client may have 50% of them")
        held += [await live_call(other) for _ in range(2)]
        code, sentence = await ending(other.Resynthesize(iter([configuration()])))
        assert sentence == "all 4 places for live streams are taken"
        for call in held:
            call.cancel()


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("ipv4:192.0.2.7:4711", "192.0.2.7"),
        ("ipv6:%5B2001:db8::7%5D:4711", "2001:db8::/64"),
        ("ipv6:[2001:db8::ffff]:1", "2001:db8::/64"),
        ("ipv6:%5Bfe80::1%25eth0%5D:4711", "fe80::/64"),
        ("ipv6:[::ffff:192.0.2.7]:4711", "192.0.2.7"),
        ("ipv4:127.0.0.1:4711", ""),
        ("ipv6:[::1]:4711", ""),
        ("unix:/run/wavesynth", ""),
        ("", ""),
    ],
)
async def test_a_client_is_known_by_its_address_unless_it_is_on_this_machine(peer, client):
    address = address_of(SimpleNamespace(peer=lambda: peer))
    assert client_of(address, Limits()) == client
    assert client_of(address, Limits(client_share=0.5)) == address


async def test_a_large_message_is_looked_through_beside_the_event_loop(config, monkeypatch):
    threads = []
    check = InputReader.read

    def read(*given):
        threads.append(threading.get_ident())
        return check(*given)

    monkeypatch.setattr(InputReader, "read", read)
    large = of_audio(200_000)
    async with serving(config) as (_, stub):
        expected = await stream_bytes(stub, **large)
        message = pb.ResynthesizeRequest(audio=large["conditioning"].audio.samples)
        chunks = await resynthesized(stub, [configuration(), message])
        assert b"".join(chunk.audio for chunk in chunks) == expected
        await stream_bytes(stub, **of_audio())
    assert [thread == threading.get_ident() for thread in threads] == [False, False, True]


async def test_small_messages_have_to_wait_and_lose_nothing(config):
    sound = clip(330)
    pieces = [*np.split(sound, 330), *[sound[:0]] * 300]
    messages = [pb.ResynthesizeRequest(audio=piece.tobytes()) for piece in pieces]
    expected = of_audio(data=sound.tobytes())
    async with serving(config, live_streams=3, small_messages=300) as (_, stub):
        began = time.monotonic()
        together = await asyncio.gather(
            *(resynthesized(stub, [configuration(), *messages]) for _ in range(2))
        )
        took = time.monotonic() - began
        for chunks in together:
            assert b"".join(chunk.audio for chunk in chunks) == await stream_bytes(stub, **expected)
        assert took > (2 * len(messages) - 300) / 300 - 0.1  # those of a second may come at once


async def test_messages_with_audio_need_not_wait():
    pace = Pace(1)
    async with asyncio.timeout(20):
        for _ in range(1000):
            await pace.message(seconds=1.0)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"idle": 0}, "idle is 0; it must be above 0 and at most 86400 seconds"),
        ({"behind": 0}, "behind is 0; it must be above 0 and at most 86400 seconds"),
        ({"stall": float("nan")}, "stall is nan; it must be above 0 and at most 86400 seconds"),
        ({"client_share": 0}, "client_share is 0; it must be above 0 and at most 1"),
        ({"call": 1e9}, "call is 1000000000.0; it must be above 0 and at most 86400 seconds"),
    ],
)
async def test_a_limit_that_is_none_is_named(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        Limits(**values)
