"""A reload that a front end asks the engine's process for."""

import asyncio
from dataclasses import asdict

import pytest

from wavesynth.server.processes.remote_reload import RemoteReload
from wavesynth.server.reloading import Changes, Reloaded

MADE = Reloaded(Changes(["new"]), Changes(), [], [])


@pytest.fixture
async def asked():
    """A reload, the task that waits for it, and the number by which it was asked for."""
    said = []
    reload = RemoteReload(lambda **message: said.append(message["reload"]))
    task = asyncio.create_task(reload())
    await asyncio.sleep(0)
    return reload, task, *said


async def test_whoever_asks_is_told_what_has_changed(asked):
    reload, task, number = asked
    reload.answered(number, asdict(MADE))
    assert await task == MADE


async def test_whoever_asks_is_told_of_a_failure(asked):
    reload, task, number = asked
    reload.answered(number, None)
    with pytest.raises(RuntimeError, match="the reload has failed"):
        await task


async def test_an_answer_to_a_caller_who_is_just_gone_is_no_error(asked):
    reload, task, number = asked
    task.cancel()
    reload.answered(number, asdict(MADE))
    with pytest.raises(asyncio.CancelledError):
        await task
    reload.answered(number, asdict(MADE))
