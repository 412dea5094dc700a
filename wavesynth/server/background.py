"""A process for work beside live audio: one job after the other, whose results come as they are made.

It is a process of its own, and at the lowest priority, because sound that is live must not wait for such work: neither
for a core nor for the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

import grpc

from wavesynth.server.editions import ChangedError
from wavesynth.server.errors import RefusedError
from wavesynth.workers import begin_worker

__all__ = ["BackgroundWorker"]

Job = TypeVar("Job")
#: What does jobs, in the process: the results of one, as they are made. Raises ValueError, in a sentence,
#: and ChangedError.
Doing = Callable[[Job], Iterator[bytes]]


@dataclass(frozen=True)
class _Refused:
    """Why a job is not done, as the process says it."""

    code: str
    sentence: str


class BackgroundWorker(Generic[Job]):
    """Does jobs in the order in which they come; at most `waiting` may be under way or wait.

    `begin`, a function of a module, makes what does them when the process has begun. Jobs must be data that another
    process can be sent.
    """

    def __init__(self, name: str, begin: Callable[[], Doing[Job]], calls: str, waiting: int) -> None:
        """`name` is the process's, and `calls` are what waits, as callers are told."""
        self._name, self._begin, self._calls_for, self._waiting = name, begin, calls, waiting
        self._calls = 0
        self._turn = asyncio.Lock()
        self._pipe = ThreadPoolExecutor(1, name)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._number = 0

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None and self._connection is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
            self._process = None
        self._pipe.shutdown(wait=False)

    def check(self) -> None:
        """Raises RefusedError if there is no place for another job."""
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
        connection, loop = self._started(), asyncio.get_running_loop()
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

    def _started(self) -> Connection:
        if self._process is None or not self._process.is_alive() or self._connection is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=_work, args=(theirs, self._begin), name=self._name, daemon=True
            )
            self._process.start()
            theirs.close()
        return self._connection


def _drain(connection: Connection, number: int) -> None:
    """Takes what is left of an abandoned job, to its end or to the answer that it was stopped."""
    while connection.recv() != ("stopped", number):
        pass


def _work(connection: Connection, begin: Callable[[], Doing[Any]]) -> None:
    """Does jobs until the other side closes the pipe."""
    begin_worker()
    do = begin()  # which imports: at the lowest priority that would last, on a busy machine, for minutes
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
