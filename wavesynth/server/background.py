"""A process for work beside live audio: one job after the other, whose results come as they are made.

It is a process of its own, and at the lowest priority, because sound that is live must not wait for such work: neither
for a core nor for the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

import grpc

from wavesynth.files import sentence
from wavesynth.server.back_off import BackOff
from wavesynth.server.editions import ChangedError
from wavesynth.server.errors import RETRY, RefusedError
from wavesynth.server.telemetry import log
from wavesynth.workers import begin_worker

__all__ = ["BackgroundWorker"]

Job = TypeVar("Job")
#: What does jobs, in the process: the results of one, as they are made. Raises ValueError, in a sentence,
#: and ChangedError.
Doing = Callable[[Job], Iterator[bytes]]
#: Seconds for which no process is started after one that could not begin, and at most so many after many in a row.
_AGAIN, _LONGEST = 1.0, 60.0
#: Seconds that a process which could not begin has to end, so that its exit code is known.
_ENDING = 1.0


@dataclass(frozen=True)
class _Refused:
    """Why a job is not done, as the process says it."""

    code: str
    sentence: str


class BackgroundWorker(Generic[Job]):
    """Does jobs in the order in which they come; at most `waiting` may be under way or wait.

    A process that has ended is replaced at the next job. After one that could not begin, jobs are refused for a while,
    longer each time: each start costs seconds of a core, and what was missing is seldom there a moment later.

    `begin`, a function of a module, makes what does them when the process has begun. Jobs must be data that another
    process can be sent.
    """

    def __init__(
        self,
        name: str,
        begin: Callable[[], Doing[Job]],
        calls: str,
        waiting: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`name` is the process's, and `calls` are what waits, as callers are told."""
        self._name, self._begin, self._calls_for, self._waiting = name, begin, calls, waiting
        self._calls = 0
        self._turn = asyncio.Lock()
        self._pipe = ThreadPoolExecutor(1, name)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._starting: asyncio.Task[Connection] | None = None
        self._number = 0
        self._clock, self._pauses = clock, BackOff(_AGAIN, _LONGEST)
        self._problem, self._until = "", -math.inf  # why none could begin, and until when none is started

    def close(self) -> None:
        """Ends the process."""
        if self._starting is not None:
            self._starting.cancel()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
        self._pipe.shutdown(wait=False)

    def check(self) -> None:
        """Raises RefusedError if there is no place for another job, or no process can be had for it now."""
        self._check_pause()
        if self._calls >= self._waiting:
            message = f"all {self._waiting} places for {self._calls_for} are taken"
            raise RefusedError.full(message, 1.0, "places")

    async def results(self, job: Job) -> AsyncGenerator[bytes]:
        """All results of a job. Raises RefusedError."""
        self.check()
        self._calls += 1
        results: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        making = asyncio.create_task(self._make(job, results))
        try:
            while (result := await results.get()) is not None:
                if isinstance(result, Exception):
                    raise result
                yield result
        finally:
            making.cancel()
            await asyncio.wait([making])
            self._calls -= 1

    async def _make(self, job: Job, results: asyncio.Queue[bytes | Exception | None]) -> None:
        """Does a job when it is its turn, which ends with the last result, whether its caller reads or not."""
        try:
            async with self._turn, aclosing(self._made(job)) as made:
                async for result in made:
                    results.put_nowait(result)
            results.put_nowait(None)
        except Exception as error:
            results.put_nowait(error)

    async def _made(self, job: Job) -> AsyncGenerator[bytes]:
        connection, loop = await self._started(), asyncio.get_running_loop()
        self._number += 1
        number, ended, pending = self._number, False, None
        # On another thread: a large job waits in the pipe until the process has read it.
        sending = loop.run_in_executor(self._pipe, connection.send, (number, job))
        try:
            await asyncio.shield(sending)
            while True:
                # Shielded: a result that nobody waits for any more must still be taken out of the pipe.
                pending = loop.run_in_executor(self._pipe, connection.recv)
                result, pending = await asyncio.shield(pending), None
                if result is None:
                    ended = True
                    return
                if isinstance(result, _Refused):
                    ended = True
                    raise RefusedError(grpc.StatusCode[result.code], result.sentence)
                yield result
        except (EOFError, OSError) as error:
            ended, self._process = True, None  # the next call starts another
            raise RefusedError(
                grpc.StatusCode.INTERNAL, f"the process for {self._calls_for} ended"
            ) from error
        finally:
            if not ended:
                with suppress(EOFError, OSError):
                    await asyncio.shield(sending)
                    connection.send((number, None))
                    if pending is None or await asyncio.shield(pending) != ("stopped", number):
                        await asyncio.shield(loop.run_in_executor(self._pipe, _drain, connection, number))

    async def _started(self) -> Connection:
        """The way to the process, once that can do jobs; it is started if there is none. Raises RefusedError."""
        starting = self._starting
        if starting is None or (starting.done() and not self._runs()):
            self._check_pause()
            starting = self._starting = asyncio.create_task(self._start())
            starting.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody need ask
        # Shielded: the start goes on when its caller leaves, for the next one.
        return await asyncio.shield(starting)

    def _runs(self) -> bool:
        return self._process is not None and self._process.is_alive()

    async def _start(self) -> Connection:
        """Starts a process, and waits until it can do jobs. Raises RefusedError."""
        context, loop = multiprocessing.get_context("spawn"), asyncio.get_running_loop()
        process, problem = None, ""
        try:
            ours, theirs = context.Pipe()
            with theirs:
                process = context.Process(
                    target=_work, args=(theirs, self._begin), name=self._name, daemon=True
                )
                process.start()
            self._process = process
            problem = await loop.run_in_executor(self._pipe, ours.recv)
        except EOFError:
            assert process is not None
            await loop.run_in_executor(self._pipe, process.join, _ENDING)
            problem = f"it ended with the exit code {process.exitcode}"
        except OSError as error:
            problem = sentence(error) or type(error).__name__
        if not problem:
            self._pauses.succeeded()
            return ours
        self._process, seconds = None, self._pauses.failed()
        self._problem, self._until = problem, self._clock() + seconds
        log(f"the process for {self._calls_for} cannot start", reason=problem, again_in_seconds=seconds)
        raise self._unavailable(seconds)

    def _check_pause(self) -> None:
        """Raises RefusedError shortly after a process could not begin."""
        if (seconds := self._until - self._clock()) > 0:
            raise self._unavailable(seconds)

    def _unavailable(self, seconds: float) -> RefusedError:
        what = f"the process for {self._calls_for} cannot start"
        return RefusedError(
            grpc.StatusCode.UNAVAILABLE,
            f"{what}, as the service's log says; another start is tried after {seconds:.1f} seconds",
            ((RETRY, str(math.ceil(1000 * seconds))),),
            logged=f"{what}: {self._problem}",
        )


def _drain(connection: Connection, number: int) -> None:
    """Takes what is left of an abandoned job, to its end or to the answer that it was stopped."""
    while connection.recv() != ("stopped", number):
        pass


def _work(connection: Connection, begin: Callable[[], Doing[Any]]) -> None:
    """Does jobs until the other side closes the pipe."""
    begin_worker()
    try:
        do = begin()  # which imports: at the lowest priority that would last, on a busy machine, for minutes
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
        raise  # to standard error, with where it was
    connection.send("")
    if hasattr(os, "nice"):
        os.nice(19)
    with suppress(EOFError, OSError):
        while True:
            number, job = connection.recv()
            if job is None:  # it was abandoned when it was already done
                connection.send(("stopped", number))
                continue
            try:
                _send(connection, do(job))
            except ChangedError as error:
                connection.send(_Refused("UNAVAILABLE", str(error)))
            except (ValueError, RuntimeError) as error:
                connection.send(_Refused("INTERNAL", str(error)))


def _send(connection: Connection, results: Iterator[bytes]) -> None:
    """Sends a job's results and None, or stops when it is told to."""
    for result in results:
        if connection.poll():
            number, _ = connection.recv()
            connection.send(("stopped", number))
            return
        connection.send(result)
    connection.send(None)
