"""Text through the clients: whole or while it is written, with the same bytes, also over a connection that broke."""

import asyncio

import grpc
import numpy as np
import pytest

from wavesynth.clients import AsyncClient, Backoff, Client, InvalidRequestError, calls
from wavesynth.clients.inputs import check_input
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

TEXT = "Hello there, how are you? This is the second sentence."
PIECES = [TEXT[:8], TEXT[8:30], "", TEXT[30:]]


@pytest.fixture(scope="module")
def address(serve, a_reader):
    with serve(voices=a_reader, live_streams=4) as server:
        yield f"127.0.0.1:{server.port}"


@pytest.fixture
def client(address):
    with Client(address) as client:
        yield client


@pytest.fixture(scope="module")
def expected(address):
    with Client(address) as client:
        return client.synthesize(text=TEXT, seed=2)


def test_text_gives_the_same_audio_and_words_however_it_is_asked_for(client, expected):
    for call in (client.stream(text=TEXT, seed=2), client.stream(text=iter(PIECES), seed=2)):
        chunks = list(call.chunks())
        assert b"".join(chunk.pcm for chunk in chunks) == expected.pcm
        assert [word for chunk in chunks for word in chunk.words] == list(expected.words)
    assert [TEXT[word.begin : word.end] for word in expected.words] == [word.text for word in expected.words]


def test_asyncio_has_the_same(address, expected):
    async def written():
        for piece in PIECES:
            yield piece

    async def ask():
        async with AsyncClient(address) as client:
            assert (await client.synthesize(text=TEXT, seed=2)).pcm == expected.pcm
            for text in (TEXT, PIECES, written()):
                chunks = [chunk async for chunk in client.stream(text=text, seed=2).chunks()]
                assert b"".join(chunk.pcm for chunk in chunks) == expected.pcm

    asyncio.run(ask())


def test_how_a_text_is_read_is_sent_too(client, expected):
    faster = client.synthesize(text=TEXT, seed=2, rate=2.0)
    assert len(faster.samples) < 0.7 * len(expected.samples)
    said = client.synthesize(text="<speak>Hello <mark name='m'/>there.</speak>", markup="ssml")
    assert [mark.name for mark in said.marks] == ["m"]
    with pytest.raises(ValueError, match="markup is 'html'; it must be plain or ssml"):
        client.synthesize(text=TEXT, markup="html")


def test_text_in_pieces_goes_on_over_a_connection_that_broke(address, expected, monkeypatch):
    """The second attempt sends all pieces again, and asks for the samples that are missing."""
    attempts = []

    def breaking_stub(channel):
        stub = SynthesisServiceStub(channel)
        resynthesize = stub.Resynthesize

        def breaking(messages, **options):
            attempts.append(resynthesize(messages, **options))
            return Broken(attempts[0]) if len(attempts) == 1 else attempts[-1]

        stub.Resynthesize = breaking
        return stub

    monkeypatch.setattr(calls, "SynthesisServiceStub", breaking_stub)
    with Client(address, backoff=Backoff(first=0.01)) as client:
        call = client.stream(text=iter(PIECES), seed=2)
        chunks = list(call.chunks())
    assert (len(attempts), call.reconnected) == (2, 1)
    assert b"".join(chunk.pcm for chunk in chunks) == expected.pcm
    assert [word for chunk in chunks for word in chunk.words] == list(expected.words)


class Broken:
    """A call whose connection breaks after two chunks."""

    def __init__(self, call):
        self._call, self._left = call, 2

    def __iter__(self):
        return self

    def __next__(self):
        if not self._left:
            self._call.cancel()
            raise Lost
        self._left -= 1
        return next(self._call)

    def cancel(self):
        self._call.cancel()


class Lost(grpc.RpcError):
    def code(self):
        return grpc.StatusCode.UNAVAILABLE

    def details(self):
        return "the connection broke"

    def trailing_metadata(self):
        return ()


def test_what_cannot_be_said_is_a_sentence(client):
    with pytest.raises(InvalidRequestError, match="text has nothing that can be said"):
        client.synthesize(text="?!")
    with pytest.raises(InvalidRequestError, match="voice tiny takes no text; those that do are reader"):
        client.synthesize("tiny", text=TEXT)
    with pytest.raises(ValueError, match="text comes in pieces; it must be whole, or be given to stream"):
        client.synthesize(text=iter(PIECES))


def test_a_long_text_is_not_asked_for_in_one_message():
    assert check_input({"text": "word " * 800}).surely_fits
    assert not check_input({"text": "word " * 801}).surely_fits
    assert not check_input({"text": "word " * 500, "rate": 0.5}).surely_fits
    pieces = list(check_input({"text": "ä" * 100_000}).requests(None))[1:]
    assert "".join(piece.text for piece in pieces) == "ä" * 100_000


def test_pieces_that_are_no_text_are_refused(client):
    with pytest.raises(
        InvalidRequestError, match="message 3 is audio; after the configuration all must be text"
    ):
        list(client.stream(text=iter(["Hello there. ", np.zeros(100, np.float32)])))
