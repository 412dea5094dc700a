"""Large messages are looked through aside, one at a time and with rests."""

import asyncio
import itertools
import threading
import time

import pytest
from google.protobuf.message import DecodeError

from wavesynth.server.messages import Aside, Received, message_size
from wavesynth.v1 import synthesis_pb2 as pb

LARGE, SMALL = 1 << 18, (1 << 18) - 1


async def checked(size):
    """The thread on which a message of that size is checked."""
    message_size.set(size)
    return await Aside().check(threading.current_thread)


async def test_large_messages_are_checked_on_another_thread():
    assert await checked(SMALL) is threading.current_thread()
    assert await checked(LARGE) is not threading.current_thread()


async def test_large_messages_are_decoded_on_another_thread():
    def decode(data):
        return threading.current_thread(), len(data)

    assert await Received(decode, bytes(SMALL)).take(Aside()) == (threading.current_thread(), SMALL)
    thread, size = await Received(decode, bytes(LARGE)).take(Aside())
    assert (thread is not threading.current_thread(), size) == (True, LARGE)


async def test_what_is_taken_is_not_kept():
    """gRPC keeps the last message that it gave."""
    data = pb.ResynthesizeRequest(audio=b"12").SerializeToString()
    received = Received(pb.ResynthesizeRequest.FromString, data)
    assert (await received.take(Aside())).audio == b"12"
    assert (await received.take(Aside())).audio == b""
    assert received.size == message_size.get() == len(data)


@pytest.mark.parametrize("size", [20, LARGE])
async def test_what_is_no_message_raises(size):
    with pytest.raises(DecodeError):
        await Received(pb.ResynthesizeRequest.FromString, b"\xff" * size).take(Aside())


async def test_work_comes_one_after_the_other_with_rests():
    aside, spans = Aside(), []

    def work():
        began = time.monotonic()
        time.sleep(0.03)
        spans.append((began, time.monotonic()))

    await asyncio.gather(*(aside.work(work) for _ in range(3)))
    assert all(begin - end >= end - before for (before, end), (begin, _) in itertools.pairwise(spans))


async def test_work_that_fails_leaves_its_turn_to_others():
    aside = Aside()
    with pytest.raises(ZeroDivisionError):
        await aside.work(lambda: 1 // 0)
    assert await asyncio.wait_for(aside.work(lambda: "done"), 20) == "done"
