"""Work beside live audio: in order, no more than there are places, and stopped when nobody waits for it."""

import asyncio
import multiprocessing
import os
import signal
import time
from contextlib import aclosing
from functools import partial

import pytest
from structlog.testing import capture_logs

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


def begin_badly(folder):
    """Leaves a file for each start; as long as there is a file "broken", none does more, and of "killed", none says
    why."""
    (folder / str(os.getpid())).touch()
    if (folder / "killed").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if (folder / "broken").exists():
        raise ImportError("no module of that name")
    return begin()


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


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def failing(tmp_path):
    """A worker whose process cannot start as long as there is tmp_path/broken; its clock, and how often it started."""
    (tmp_path / "broken").touch()
    clock = Clock()
    worker = BackgroundWorker("failing", partial(begin_badly, tmp_path), "calls for tests", 2, clock)
    yield worker, clock, lambda: sum(path.name.isdecimal() for path in tmp_path.iterdir())
    worker.close()


async def unavailable(worker):
    """Why a job is refused, and seconds after which it may come again."""
    with pytest.raises(RefusedError, match="the process for calls for tests cannot start") as refused:
        await results(worker, 1)
    assert refused.value.code.name == "UNAVAILABLE"
    return refused.value, float(dict(refused.value.metadata)["retry-after-ms"]) / 1000


async def test_a_process_that_cannot_start_is_started_again_after_pauses_that_grow(failing, tmp_path):
    worker, clock, starts = failing
    for count, pause in enumerate((1.0, 2.0, 4.0), 1):
        _, seconds = await unavailable(worker)
        assert (starts(), seconds) == (count, pause)
        clock.now += pause - 0.5
        _, seconds = await unavailable(worker)  # at once
        assert (starts(), seconds) == (count, 0.5)
        with pytest.raises(RefusedError, match="cannot start"):
            worker.check()
        clock.now += 0.5
    (tmp_path / "broken").unlink()
    assert len(await results(worker, 2)) == 2
    [process] = [child for child in multiprocessing.active_children() if child.name == "failing"]
    process.kill()
    process.join()
    (tmp_path / "broken").touch()
    assert (await unavailable(worker))[1] == 1.0  # it had begun, so this is the first failure of another row


async def test_why_a_process_cannot_start_is_in_the_log_and_is_not_the_callers_business(failing, tmp_path):
    worker, clock, _ = failing
    with capture_logs() as lines:
        refused, pause = await unavailable(worker)
    [line] = [line for line in lines if "cannot start" in line["event"]]
    assert line["reason"] == "ImportError: no module of that name" and line["again_in_seconds"] == 1.0
    assert str(refused) == (
        "the process for calls for tests cannot start, as the service's log says; another start is tried after "
        "1.0 seconds"
    )
    assert refused.logged == (
        "the process for calls for tests cannot start: ImportError: no module of that name"
    )
    (tmp_path / "killed").touch()
    clock.now += pause
    refused, _ = await unavailable(worker)
    assert refused.logged.endswith("cannot start: it ended with the exit code -9")


async def test_callers_who_leave_while_a_process_starts_cost_one_start(failing):
    worker, _, starts = failing
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await results(worker, 1)
    async with asyncio.timeout(60):
        await unavailable(worker)
    assert starts() == 1
