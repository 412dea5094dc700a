"""Work beside live audio: in order, no more than there are places, and stopped when nobody waits for it."""

import asyncio
import os
import signal
import time
from contextlib import aclosing

import pytest

from wavesynth.server.background import BackgroundWorker
from wavesynth.server.errors import RefusedError

pytestmark = pytest.mark.asyncio(loop_scope="session")


def begin():
    """Counts to a job's number; for ever, if that is 0; of "process", says which process it is."""

    def count(job):
        if job == "process":
            yield str(os.getpid()).encode()
            return
        if job < 0:
            raise ValueError(f"{job} is not counted to")
        number = 0
        while number < job or not job:
            yield bytes([number % 256])
            number += 1
            time.sleep(0.001)

    return count


@pytest.fixture
def worker():
    worker = BackgroundWorker("test", begin, "calls for tests", 2)
    yield worker
    worker.close()


async def results(worker, job):
    return [result async for result in worker.results(job)]


async def test_a_job_waits_for_its_turn_and_one_that_is_abandoned_ends(worker):
    async with aclosing(worker.results(0)) as endless:
        assert [await anext(endless) for _ in range(3)] == [b"\0", b"\1", b"\2"]
        second = worker.results(2)
        first_of_second = asyncio.ensure_future(anext(second))
        await asyncio.sleep(0)  # it has its place
        with pytest.raises(RefusedError, match="all 2 places for calls for tests are taken") as refused:
            await results(worker, 1)
        assert refused.value.code.name == "RESOURCE_EXHAUSTED" and not first_of_second.done()
    assert await first_of_second == b"\0"
    assert [result async for result in second] == [b"\1"]


async def test_what_is_wrong_with_a_job_is_said_and_the_next_is_done(worker):
    with pytest.raises(RefusedError, match="-1 is not counted to"):
        await results(worker, -1)
    assert len(await results(worker, 5)) == 5


async def test_a_process_that_ends_is_an_error_and_the_next_job_has_another(worker):
    [process] = await results(worker, "process")
    async with aclosing(worker.results(0)) as endless:
        await anext(endless)
        os.kill(int(process), signal.SIGKILL)
        with pytest.raises(RefusedError, match="the process for calls for tests ended"):
            async for _ in endless:
                pass
    assert len(await results(worker, 2)) == 2
