"""Real networks: far away, narrow, stalled, lost without a word; and services that are frozen or stuck."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import grpc
import numpy as np
import pytest

from wavesynth.clients import AsyncClient, Backoff, Client, UnavailableError, connection, inputs, progress
from wavesynth.server import services as services_module
from wavesynth.server.limits import Limits
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceServicer, add_SynthesisServiceServicer_to_server

TLS = Path(__file__).parents[1] / "server" / "tls"
ROOT = (TLS / "cert.pem").read_bytes()
# More than all buffers between a service and a reader who has stopped reading can hold.
LONG = np.random.default_rng(0).uniform(-0.3, 0.3, 240_000).astype(np.float32)
CLIP = LONG[:2000]


@pytest.fixture(scope="module")
def server(serve):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services_module, "PING_INTERVAL_MS", 500)
        with serve(live_streams=8) as server:
            yield server


@pytest.fixture
def pings(monkeypatch):
    """The same as ever, in less time."""
    monkeypatch.setattr(connection, "PING_AFTER", 100)
    monkeypatch.setattr(connection, "PING_TIMEOUT", 2500)


def spoken_by(server, audio):
    with Client(f"localhost:{server.port}") as client:
        return client.synthesize(audio=audio, seed=3).pcm


@pytest.fixture(scope="module")
def expected(server):
    """Of LONG."""
    return spoken_by(server, LONG)


def heard(chunks):
    return b"".join(chunk.pcm for chunk in chunks)


def synchronous_calls(address, roots):
    """The audio of CLIP by every way to call a service."""
    with Client(address, certificates=roots) as client:
        assert client.voices().default_voice == "tiny"
        yield client.synthesize(audio=CLIP, seed=3).pcm
        yield heard(client.stream(audio=CLIP, seed=3).chunks())
        yield heard(client.resynthesize(np.array_split(CLIP, 9), seed=3).chunks())


def asynchronous_calls(address, roots):
    async def calls():
        async with AsyncClient(address, certificates=roots) as client:
            assert (await client.voices()).default_voice == "tiny"
            spoken = client.resynthesize(np.array_split(CLIP, 9), seed=3)
            return [
                (await client.synthesize(audio=CLIP, seed=3)).pcm,
                heard([chunk async for chunk in client.stream(audio=CLIP, seed=3).chunks()]),
                heard([chunk async for chunk in spoken.chunks()]),
            ]

    return asyncio.run(calls())


def test_a_server_is_reached_however_far_away_it_is(server, serve, network):
    """80 and 300 ms one way, with TLS and without."""
    with ExitStack() as stack:
        options = {"tls": (TLS / "cert.pem", TLS / "key.pem"), "live_streams": 8}
        secure = stack.enter_context(serve(**options))
        runs = []
        with ThreadPoolExecutor(8) as pool:
            for delay in (0.08, 0.3):
                for port, roots in ((server.port, None), (secure.port, ROOT)):
                    link = stack.enter_context(network(port, delay))
                    for calls in (synchronous_calls, asynchronous_calls):
                        runs.append(
                            pool.submit(lambda f, *given: list(f(*given)), calls, link.address, roots)
                        )
        for run in runs:
            assert run.result() == [spoken_by(server, CLIP)] * 3


def test_a_network_that_stalls_and_one_that_is_narrow_are_waited_for(
    server, expected, pings, monkeypatch, network
):
    """Also where all that is sent takes longer than a ping may."""
    monkeypatch.setattr(inputs, "SINGLE_MESSAGE_BYTES", 100_000)
    monkeypatch.setattr(inputs, "PIECE_BYTES", 20_000)
    with network(server.port, rate=250_000) as link, Client(link.address) as client:
        call = client.stream(audio=LONG, seed=3)
        chunks = call.chunks()
        made = [next(chunks)]
        link.stall()
        threading.Timer(0.2, link.go_on).start()
        made += chunks
        assert call.reconnected == 0 and link.connections == 1
    assert heard(made) == expected


def test_a_listener_who_paused_for_too_long_gets_the_rest_from_another_call(serve, expected, monkeypatch):
    options = connection.Connection.options.fget
    small_buffers = property(lambda self: [*options(self), ("grpc.http2.bdp_probe", 0)])
    monkeypatch.setattr(connection.Connection, "options", small_buffers)
    with serve(limits=Limits(stall=0.3)) as server, Client(f"localhost:{server.port}") as client:
        call = client.stream(audio=LONG, seed=3)
        chunks = call.chunks()
        made = [next(chunks)]
        deadline = time.monotonic() + 20
        while server.engine.live:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        made += chunks
        assert call.reconnected >= 1
    assert heard(made) == expected


async def test_a_path_that_is_lost_without_a_word_is_found_lost_and_calls_go_on(
    server, expected, pings, network
):
    def synchronous():
        with network(server.port) as link, Client(link.address) as client:
            call, made = client.resynthesize(np.array_split(LONG, 400), seed=3, timeout=50), []
            for chunk in call.chunks():
                if not made:
                    link.lose()
                made.append(chunk)
            return call.reconnected, heard(made)

    async def asynchronous():
        with network(server.port) as link:
            async with AsyncClient(link.address) as client:
                call, made = client.stream(audio=LONG, seed=3, timeout=50), []
                async for chunk in call.chunks():
                    if not made:
                        link.lose()
                    made.append(chunk)
                return call.reconnected, heard(made)

    assert await asyncio.gather(asyncio.to_thread(synchronous), asynchronous()) == [(1, expected)] * 2


def test_a_connection_that_was_lost_while_nobody_called_is_replaced_before_the_next_call(
    server, pings, network
):
    with network(server.port) as link, Client(link.address) as client:
        client.voices()
        link.lose()
        end = time.monotonic() + 20
        while link.connections < 2 and time.monotonic() < end:
            with suppress(UnavailableError):
                client.voices(timeout=5)
        assert client.voices(timeout=5).default_voice == "tiny"
        assert link.connections == 2


async def test_a_long_silence_is_no_reason_to_end_a_call(server, pings, monkeypatch, network):
    """Neither for the service, which would end it at the fifth ping if it did not permit one a second, nor for us."""
    monkeypatch.setattr(progress, "LIMIT", 3.0)  # which a busy machine keeps, and the silence does not
    silence = 5

    def synchronous():
        def microphone():
            yield CLIP
            time.sleep(silence)
            yield CLIP

        with network(server.port) as link, Client(link.address) as client:
            samples = sum(map(len, client.resynthesize(microphone(), resume=False)))
            return samples, link.connections

    async def asynchronous():
        async def microphone():
            yield CLIP
            await asyncio.sleep(silence)
            yield CLIP

        with network(server.port) as link:
            async with AsyncClient(link.address) as client:
                call = client.resynthesize(microphone(), resume=False)
                return sum([len(samples) async for samples in call]), link.connections

    results = await asyncio.gather(asyncio.to_thread(synchronous), asynchronous())
    assert results == [(2 * len(CLIP), 1)] * 2


class Stuck(SynthesisServiceServicer):
    """A service that sends one chunk of two, and then no more: to the first `times` calls."""

    def __init__(self, times):
        self.left, self.end = times, threading.Event()

    def _chunks(self, first, response):
        yield response(chunk=pb.AudioChunk(audio=bytes(200), first_sample=first, sample_rate=16000))
        self.left -= 1
        if self.left >= 0:
            self.end.wait(30)

    def StreamSynthesize(self, request, context):  # noqa: N802
        return self._chunks(request.synthesis.first_sample, pb.StreamSynthesizeResponse)

    def Resynthesize(self, requests, context):  # noqa: N802
        first = next(requests).config.synthesis.first_sample
        for _ in requests:
            break
        yield from self._chunks(first, pb.ResynthesizeResponse)


@contextmanager
def stuck(times):
    service = Stuck(times)
    server = grpc.server(ThreadPoolExecutor(8))
    add_SynthesisServiceServicer_to_server(service, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield f"localhost:{port}"
    finally:
        service.end.set()
        server.stop(0).wait()


def test_a_service_that_answers_but_makes_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(progress, "LIMIT", 0.2)
    sentence = "the service answers, but has sent no audio for"
    endless = [LONG[:32000]] * 3
    with stuck(9) as address, Client(address, backoff=Backoff(patience=0)) as client:
        for call in (client.stream(audio=CLIP[:100]), client.resynthesize(endless, sample_rate=16000)):
            with pytest.raises(UnavailableError, match=sentence):
                list(call)

        async def asynchronous(make):
            async with AsyncClient(address, backoff=Backoff(patience=0)) as client:
                async for _ in make(client):
                    pass

        for make in (
            lambda client: client.stream(audio=CLIP[:100]),
            lambda client: client.resynthesize(endless, sample_rate=16000),
        ):
            with pytest.raises(UnavailableError, match=sentence):
                asyncio.run(asynchronous(make))


def test_its_call_is_made_again_where_it_stopped(monkeypatch):
    monkeypatch.setattr(progress, "LIMIT", 3.0)  # in which the second call is answered, on a busy machine too
    with stuck(1) as address, Client(address) as client:
        call = client.stream(audio=CLIP[:200])
        assert [chunk.first_sample for chunk in call.chunks()] == [0, 100]
        assert call.reconnected == 1


def test_a_reader_in_no_hurry_is_not_taken_for_a_service_that_is_stuck(server, monkeypatch):
    monkeypatch.setattr(progress, "LIMIT", 0.2)
    now = [0.0]  # time passes for the reader alone, so that no busy machine can be too slow
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with Client(f"localhost:{server.port}") as client:
        call = client.stream(audio=LONG[:16000], seed=3)
        for number, _ in enumerate(call):
            if number < 2:
                now[0] += 10
                time.sleep(0.5)  # many looks at the clock
        assert call.reconnected == 0 and call.statistics.samples == 16000
