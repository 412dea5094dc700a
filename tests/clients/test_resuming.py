"""A call goes on after its server was killed, at the sample where it stopped, with the bytes that would have come."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import grpc
import numpy as np
import pytest

from wavesynth.clients import (
    AsyncClient,
    Backoff,
    BusyError,
    Client,
    UnavailableError,
    UnknownVoiceError,
    calls,
    connection,
)
from wavesynth.clients.errors import FailedError, ServiceError
from wavesynth.clients.resuming import CallPosition
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import (
    SynthesisServiceServicer,
    add_SynthesisServiceServicer_to_server,
)

# More than all buffers between a service and a reader who has stopped reading can hold.
CLIP = np.random.default_rng(0).uniform(-0.3, 0.3, 240_000).astype(np.float32)
PIECES = np.array_split(CLIP, 400)


@pytest.fixture(scope="module")
def server(server_process):
    return server_process


@pytest.fixture(scope="module")
def expected(server):
    with Client(server.address) as client:
        return client.synthesize(audio=CLIP, seed=3).pcm


def test_every_call_goes_on_after_its_server_was_killed(server, expected):
    heard_something = threading.Barrier(4, action=server.restart)

    def check(chunks, call):
        assert call.reconnected == 1
        assert call.statistics.samples == len(CLIP)
        ends = np.cumsum([len(chunk.samples) for chunk in chunks])
        assert [chunk.first_sample for chunk in chunks] == [0, *ends[:-1]]
        assert b"".join(chunk.pcm for chunk in chunks) == expected

    def synchronous(make):
        with Client(server.address) as client:
            call, chunks = make(client), []
            for chunk in call.chunks():
                if not chunks:
                    heard_something.wait(60)
                chunks.append(chunk)
            check(chunks, call)

    async def asynchronous(make):
        async with AsyncClient(server.address) as client:
            call, chunks = make(client), []
            async for chunk in call.chunks():
                if not chunks:
                    await asyncio.to_thread(heard_something.wait, 60)
                chunks.append(chunk)
            check(chunks, call)

    def stream(client):
        return client.stream(audio=CLIP, seed=3)

    def resynthesize(client):
        return client.resynthesize(iter(PIECES), seed=3)

    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(synchronous, make) for make in (stream, resynthesize)]
        runs += [
            pool.submit(lambda make: asyncio.run(asynchronous(make)), make) for make in (stream, resynthesize)
        ]
        for run in runs:
            run.result()


class BrokenError(grpc.RpcError):
    """As gRPC raises it."""

    def __init__(self, code, metadata=(), details="it broke"):
        self._code, self._metadata, self._details = code, metadata, details

    def code(self):
        return self._code

    def details(self):
        return self._details

    def trailing_metadata(self):
        return self._metadata


def begun(**options):
    """A call that has had audio."""
    position = CallPosition(0, options.pop("timeout", None), Backoff(**options))
    position.next_sample = 100
    return position


def test_waits_grow_to_a_limit(monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    position = begun(first=0.1, factor=3, longest=1)
    waits = [position.wait_after(BrokenError(grpc.StatusCode.UNAVAILABLE)) for _ in range(4)]
    assert waits == pytest.approx([0.1, 0.3, 0.9, 1])


@pytest.mark.parametrize("why", ["ping timeout", "recvmsg:Connection timed out (110)"])
def test_a_lost_connection_is_a_sentence(why):
    error = BrokenError(grpc.StatusCode.UNAVAILABLE, details=f"Stream removed ({why})")
    with pytest.raises(UnavailableError, match="the connection is lost: the service does not answer"):
        CallPosition(0, None, Backoff()).wait_after(error)


def test_a_full_service_is_asked_again_when_it_says_so():
    error = BrokenError(grpc.StatusCode.RESOURCE_EXHAUSTED, (("retry-after-ms", "4500"),))
    assert begun().wait_after(error) == 4.5
    with pytest.raises(BusyError):  # a message that is too long will be so again
        begun().wait_after(BrokenError(grpc.StatusCode.RESOURCE_EXHAUSTED))


def test_a_service_that_has_lost_its_engine_is_asked_again_and_one_that_has_failed_otherwise_is_not():
    error = BrokenError(grpc.StatusCode.INTERNAL, (("retry-after-ms", "1000"),))
    assert begun().wait_after(error) == 1
    with pytest.raises(FailedError):
        begun().wait_after(BrokenError(grpc.StatusCode.INTERNAL))


def test_what_trying_again_cannot_cure_is_raised_at_once():
    for code in set(grpc.StatusCode) - {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED}:
        with pytest.raises(ServiceError) as error:
            begun().wait_after(BrokenError(code))
        assert error.value.code == code.name and str(error.value) == "it broke"
    with pytest.raises(UnavailableError):  # nothing was lost
        CallPosition(0, None, Backoff()).wait_after(BrokenError(grpc.StatusCode.UNAVAILABLE))


def test_a_call_that_lost_its_status_is_made_again_to_learn_it():
    error = BrokenError(grpc.StatusCode.INTERNAL, details="Internal error from Core")
    assert CallPosition(0, None, Backoff()).wait_after(error) > 0  # although it had no audio yet
    assert begun().wait_after(error) > 0
    with pytest.raises(UnavailableError, match="ended while a message was being sent"):
        begun(patience=0).wait_after(error)


def test_a_call_that_a_proxy_reset_goes_on():
    reset = "Stream removed (RST_STREAM (Received RST_STREAM with error code 2))"
    error = BrokenError(grpc.StatusCode.INTERNAL, details=reset)
    assert begun().wait_after(error) > 0
    with pytest.raises(UnavailableError, match="the connection broke between a proxy and the service"):
        CallPosition(0, None, Backoff()).wait_after(error)


class Refusing:
    """A call that is refused a little after its first message, and loses its status if another is sent before that."""

    attempts = 0

    def __init__(self, messages, **_):
        self._messages = messages
        Refusing.attempts += 1

    async def __aiter__(self):
        await anext(self._messages)
        another = asyncio.ensure_future(anext(self._messages))
        sent, _ = await asyncio.wait([another], timeout=0.02)
        another.cancel()
        if sent:
            raise BrokenError(grpc.StatusCode.INTERNAL, details="Internal error from Core")
        raise BrokenError(grpc.StatusCode.NOT_FOUND)
        yield

    def cancel(self):
        pass


async def test_an_attempt_after_a_lost_status_sends_nothing_while_it_may_be_refused(monkeypatch):
    monkeypatch.setattr(calls, "SynthesisServiceStub", lambda channel: SimpleNamespace(Resynthesize=Refusing))
    async with AsyncClient("nowhere:1", backoff=Backoff(first=1)) as client:
        with pytest.raises(UnknownVoiceError):
            async for _ in client.resynthesize(PIECES):
                pass
    assert Refusing.attempts == 2


async def test_however_fast_its_microphone_is_a_refused_call_says_why(server):
    async def pieces():
        while True:
            yield PIECES[0]
            await asyncio.sleep(0)

    async with AsyncClient(server.address) as client:
        for _ in range(40):
            with pytest.raises(UnknownVoiceError, match="the voices are free, tiny"):
                async for _ in client.resynthesize(pieces(), "nobody"):
                    pass


def test_the_callers_timeout_is_for_all_attempts():
    position = begun(timeout=0.2, first=1)
    assert position.timeout <= 0.2
    with pytest.raises(ServiceError) as error:
        position.wait_after(BrokenError(grpc.StatusCode.UNAVAILABLE))
    assert error.value.code == "DEADLINE_EXCEEDED"
    time.sleep(0.2)
    assert position.timeout == 0


def test_a_frozen_server_ends_a_call_with_a_sentence_and_is_used_again_when_it_goes_on(server, monkeypatch):
    monkeypatch.setattr(connection, "PING_AFTER", 1100)  # a server permits one a second
    monkeypatch.setattr(connection, "PING_TIMEOUT", 1000)
    with Client(server.address) as client:
        client.voices()
        server.freeze()
        try:
            with pytest.raises(UnavailableError, match="the connection is lost: the service does not answer"):
                client.synthesize(audio=CLIP[:1000])
        finally:
            server.go_on()
        assert len(client.synthesize(audio=CLIP[:1000]).samples) == 1000


def test_a_server_that_stays_away_ends_the_call_after_the_callers_patience(server):
    with Client(server.address, backoff=Backoff(patience=0.5)) as client:
        chunks = client.stream(audio=CLIP).chunks()
        next(chunks)
        server.kill()  # for good: this is the last test of this file
        with pytest.raises(UnavailableError):
            list(chunks)


class BreaksAtTheEnd(SynthesisServiceServicer):
    """A service whose connection breaks after the last chunk, before the status."""

    calls = 0

    def StreamSynthesize(self, request, context):  # noqa: N802
        self.calls += 1
        last = pb.Statistics(samples=2)
        yield pb.StreamSynthesizeResponse(
            chunk=pb.AudioChunk(audio=b"1234", sample_rate=16000, statistics=last)
        )
        context.abort(grpc.StatusCode.UNAVAILABLE, "it broke")


def test_a_call_whose_last_chunk_is_there_is_complete_however_it_ends():
    service, server = BreaksAtTheEnd(), grpc.server(ThreadPoolExecutor(2))
    add_SynthesisServiceServicer_to_server(service, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"

    async def asynchronous():
        async with AsyncClient(address) as client:
            return [chunk.pcm async for chunk in client.stream(seconds=1).chunks()]

    server.start()
    try:
        with Client(address) as client:
            assert [chunk.pcm for chunk in client.stream(seconds=1).chunks()] == [b"1234"]
        assert asyncio.run(asynchronous()) == [b"1234"]
        assert service.calls == 2
    finally:
        server.stop(None)
