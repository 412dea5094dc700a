"""The two ends of the socket, in one process: the gateway of an engine, and what front ends have of it."""

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import fields

import numpy as np
import pytest

from tests.server.processes.fake_engine import FakeEngine
from wavesynth.engine.engine import CapacityError, ClosedError
from wavesynth.engine.stream import EngineRequest, InputError, StreamError
from wavesynth.sampling.params import SamplingParams
from wavesynth.server.processes.gateway import FrontEndLink, Gateway
from wavesynth.server.processes.memory import OUTPUT, SharedSlots
from wavesynth.server.processes.remote import RemoteEngine
from wavesynth.server.processes.wire import Wire

REQUEST = EngineRequest("tiny", "audio")


class Ends:
    """A gateway and the engines that front ends have."""

    def __init__(self, engine, slots):
        self.engine, self.memory = engine, SharedSlots(slots)
        self.notified, self.gone, self.lost = [], [], []
        self.gateway = Gateway(engine.open, self.memory, self.lost.append)

    def front_end(self):
        ours, theirs = socket.socketpair()
        self.end = theirs
        self.wire = Wire(theirs)
        self.gateway.add(FrontEndLink(Wire(ours), lambda message: None, lambda: self.gone.append(True)))
        return RemoteEngine(self.wire, self.memory, self.notified.append)

    def make(self, stream, *samples, last=False):
        for number, n in enumerate(samples):
            stream.make(n, last and number == len(samples) - 1)
        self.gateway.notify([stream])


@asynccontextmanager
async def ends(room=100, slots=100):
    ends = Ends(FakeEngine(room), slots)
    with ends.gateway:
        yield ends
    ends.memory.close()


async def eventually(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


async def taken(stream, samples):
    """So many samples of a stream, as they come."""
    outputs = []
    async with asyncio.timeout(20):
        while sum(len(output.samples) for output in outputs) < samples:
            outputs += stream.take()
            await asyncio.sleep(0.001)
    return outputs


async def test_a_request_crosses_with_all_its_fields():
    request = EngineRequest(
        voice="five",
        input="mel",
        params=SamplingParams(2**64 - 1, 0.7),
        speaker=3,
        sample_rate=44100,
        samples=1234,
        live=False,
        first_sample=77,
        correction=8,
        memory=bytes(range(256)),
        client="somebody",
        client_streams=5,
        edition=6,
        request_id="asked",
        most_samples=4321,
        real_time=True,
    )
    assert not [f.name for f in fields(request) if getattr(request, f.name) == f.default]
    async with ends() as e:
        await e.front_end().open(request)
        assert e.engine.streams[0].request == request


async def test_input_and_audio_cross_and_the_end_of_both():
    async with ends() as e:
        stream = await e.front_end().open(REQUEST)
        (made,) = e.engine.streams
        stream.push(np.arange(100, dtype=np.int16))
        stream.push(np.linspace(-1, 1, 30_000).astype(np.float32))  # longer than the ring
        stream.finish()
        await eventually(lambda: made.finished)
        assert made.pushed[0].tolist() == list(range(100))
        assert np.array_equal(np.concatenate(made.pushed[1:]), np.linspace(-1, 1, 30_000).astype(np.float32))
        e.make(made, 160, 160, 30, last=True)
        outputs = await taken(stream, 350)
        assert np.concatenate([o.samples for o in outputs]).tolist() == list(range(350))
        assert outputs[-1].statistics.samples == 350 and stream.samples_made == 350 and stream.closed


async def test_a_step_of_many_streams_is_one_wake_up():
    async with ends() as e:
        front_end = e.front_end()
        streams = [await front_end.open(REQUEST) for _ in range(10)]
        for stream in e.engine.streams:
            stream.make(160)
        e.gateway.notify(e.engine.streams)
        await eventually(lambda: e.notified)
        assert len(e.notified) == 1 and set(e.notified[0]) == set(streams)


async def test_whether_there_is_room_the_engine_says():
    async with ends(room=1) as e:
        here, there = e.front_end(), e.front_end()
        stream = await here.open(REQUEST)
        with pytest.raises(CapacityError, match="all 1 places are taken") as error:
            await there.open(REQUEST)
        assert error.value.retry_after == 0.5
        stream.cancel()
        await eventually(lambda: e.engine.streams[0].cancelled)
        await there.open(REQUEST)


async def test_slots_come_back_and_more_streams_than_slots_are_refused():
    async with ends(slots=2) as e:
        front_end = e.front_end()
        for _ in range(5):
            streams = [await front_end.open(REQUEST) for _ in range(2)]
            with pytest.raises(CapacityError, match="all 2 places for streams are taken"):
                await front_end.open(REQUEST)
            for stream in streams:
                stream.cancel()


async def test_a_reader_who_stops_has_what_is_made_wait_in_the_engine():
    """So that the engine leaves out who does not read, and the others go on."""
    async with ends() as e:
        front_end = e.front_end()
        still, other = await front_end.open(REQUEST), await front_end.open(REQUEST)
        unread, read = e.engine.streams
        chunks = 4 * OUTPUT // (2 * 160)
        for _ in range(chunks):
            e.make(unread, 160)
            e.make(read, 160)
            await taken(other, 160)
        assert unread.taken < chunks // 2
        outputs = await taken(still, 160 * chunks)
        assert np.concatenate([o.samples for o in outputs]).tolist() == list(range(160 * chunks))


async def test_an_offline_stream_of_any_length_passes():
    async with ends() as e:
        stream = await e.front_end().open(REQUEST)
        e.make(e.engine.streams[0], 100_000, last=True)
        outputs = await taken(stream, 100_000)
        samples = np.concatenate([o.samples for o in outputs])
        assert np.array_equal(samples, np.arange(100_000).astype(np.int16))
        assert [o.statistics is not None for o in outputs] == [False] * (len(outputs) - 1) + [True]


@pytest.mark.parametrize("error", [ClosedError("gone"), InputError("bad"), StreamError("made nothing")])
async def test_an_error_comes_after_what_was_made(error):
    async with ends() as e:
        stream = await e.front_end().open(REQUEST)
        (made,) = e.engine.streams
        made.make(100)
        made.fail(error)
        e.gateway.notify([made])
        assert len((await taken(stream, 100))[0].samples) == 100
        await eventually(lambda: stream.closed)
        with pytest.raises(type(error), match=str(error)):
            stream.take()


async def test_a_caller_whose_input_fails_gets_its_own_error_after_what_was_made():
    async with ends() as e:
        stream = await e.front_end().open(REQUEST)
        e.engine.streams[0].make(100)
        stream.fail(KeyError("mine"))
        assert len(await taken(stream, 100)) == 1
        await eventually(lambda: stream.closed)
        with pytest.raises(KeyError, match="mine"):
            stream.take()
        assert e.engine.streams[0].closed


async def test_a_caller_who_gives_up_while_it_waits_for_room_leaves_nothing():
    async with ends() as e:
        front_end = e.front_end()
        opening = asyncio.create_task(front_end.open(REQUEST))
        await asyncio.sleep(0)
        opening.cancel()
        await eventually(lambda: e.engine.streams and e.engine.streams[0].cancelled)


async def test_samples_that_are_made_and_dropped_are_known():
    """A caller who resumes waits while its input is far ahead of them."""
    async with ends() as e:
        stream = await e.front_end().open(REQUEST)
        e.engine.streams[0].samples_made = 4321
        e.gateway.notify(e.engine.streams)
        await eventually(lambda: stream.samples_made == 4321)


async def test_a_front_end_that_is_gone_frees_its_streams_and_no_others():
    async with ends(slots=2) as e:
        left, gone = e.front_end(), e.front_end()
        stays = await left.open(REQUEST)
        await gone.open(REQUEST)
        e.wire.close()
        await eventually(lambda: e.gone)
        first, second = e.engine.streams
        assert second.cancelled and not first.cancelled
        await left.open(REQUEST)  # in the slot of the other
        e.make(first, 10)
        assert len(await taken(stays, 10)) == 1


async def test_what_nobody_understands_ends_that_front_end_alone():
    async with ends() as e:
        left, _ = e.front_end(), e.front_end()
        e.end.send(b"\2\0\0\0\0??")
        await eventually(lambda: e.gone)
        stream = await left.open(REQUEST)
        e.make(e.engine.streams[0], 10)
        assert len(await taken(stream, 10)) == 1


async def test_when_the_gateway_fails_the_engine_is_lost():
    """Or every call of every front end would wait for ever."""
    async with ends() as e:
        e.front_end()
        closed = Wire(socket.socket())
        closed.close()
        e.gateway.add(FrontEndLink(closed, lambda message: None, lambda: None))
        await eventually(lambda: e.lost)
        assert isinstance(e.lost[0], ValueError)


async def test_when_the_engine_is_gone_every_stream_and_every_opening_ends_with_closed_error():
    e = Ends(FakeEngine(), 10)
    with e.gateway:
        front_end = e.front_end()
        stream = await front_end.open(REQUEST)
    await eventually(lambda: stream.closed)
    for nothing in (stream.take, None):
        with pytest.raises(ClosedError, match="the engine's process has ended"):
            await front_end.open(REQUEST) if nothing is None else nothing()
