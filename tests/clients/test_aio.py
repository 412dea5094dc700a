"""The asyncio client: the same audio as the synchronous one, and no call left behind."""

import asyncio

import numpy as np
import pytest

from wavesynth.clients import AsyncClient, Client, InvalidRequestError, UnavailableError, UnknownVoiceError

CLIP = np.random.default_rng(0).uniform(-0.3, 0.3, 1000).astype(np.float32)


@pytest.fixture
async def client(address):
    async with AsyncClient(address) as client:
        yield client


@pytest.fixture(scope="module")
def expected(server):
    with Client(f"localhost:{server.port}") as client:
        return client.synthesize(audio=CLIP, seed=4).samples


async def eventually(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_all_calls_give_the_same_audio(client, expected):
    async def microphone():
        for piece in np.split(CLIP, [1, 300, 301]):
            await asyncio.sleep(0)
            yield piece

    streamed = client.stream(audio=CLIP, seed=4)
    assert np.array_equal(np.concatenate([samples async for samples in streamed]), expected)
    assert streamed.statistics.samples == 1000
    spoken = client.resynthesize(microphone(), seed=4)
    assert np.array_equal(np.concatenate([samples async for samples in spoken]), expected)
    assert np.array_equal((await client.synthesize(audio=CLIP, seed=4)).samples, expected)
    assert (await client.voices()).default_voice == "tiny"


@pytest.mark.parametrize("leave", ["aclose", "with", "task"])
async def test_leaving_a_call_cancels_it(client, server, leave):
    async def microphone():
        while True:
            yield np.zeros(160, np.float32)
            await asyncio.sleep(0.01)

    call = client.resynthesize(microphone())
    if leave == "task":
        heard = asyncio.Event()

        async def listen():
            async for _ in call:
                heard.set()

        task = asyncio.create_task(listen())
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        await anext(call.chunks())
        assert server.engine.live == 1
        if leave == "with":
            async with call:
                pass
        else:
            await call.aclose()
    await eventually(lambda: server.engine.live == 0)


async def test_each_status_is_its_own_exception(client):
    with pytest.raises(UnknownVoiceError, match="voice is 'nobody'; the voices are free, tiny"):
        await anext(client.stream("nobody", audio=CLIP).chunks())
    with pytest.raises(InvalidRequestError, match="temperature is 9"):
        await client.synthesize(audio=CLIP, temperature=9)
    async with AsyncClient("localhost:1") as nobody:
        with pytest.raises(UnavailableError):
            await nobody.voices()
        with pytest.raises(UnavailableError):
            await anext(nobody.stream(audio=CLIP).chunks())


async def test_what_a_microphone_raises_the_stream_raises(client):
    def broken():
        yield CLIP
        raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        async for _ in client.resynthesize(broken()):
            pass


def test_an_argument_that_does_not_exist_is_not_ignored(address):
    with Client(address) as client, pytest.raises(TypeError, match="tempreature is no argument"):
        client.stream(audio=CLIP, tempreature=1)
