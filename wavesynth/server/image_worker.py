"""A process that makes images, one call after the other, row by row.

It is a process of its own, and at the lowest priority, because sound that is live must not wait for images: neither
for a core nor for the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from wavesynth.server.errors import RefusedError
from wavesynth.workers import begin_worker

if TYPE_CHECKING:
    from wavesynth.images.model import ImageModel

__all__ = ["ImageJob", "ImageWorker"]


@dataclass(frozen=True)
class ImageJob:
    """What is to be made: `count` images of a model's folder, of which 0 load it alone; the first `pixels` of `known`
    are kept."""

    folder: Path
    seed: int
    temperature: float
    label: int | None
    count: int
    known: bytes = b""
    """Intensities, H · W · C."""
    pixels: int = 0
    edition: int = 0
    """The model's: that of a folder which was read again is loaded again."""


class ImageWorker:
    """Makes the images of jobs in the order in which they come; at most `waiting` may be under way or wait."""

    def __init__(self, waiting: int) -> None:
        self._waiting, self._calls = waiting, 0
        self._turn = asyncio.Lock()
        self._receiver = ThreadPoolExecutor(1, "wavesynth-images")
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
        self._receiver.shutdown(wait=False)

    async def rows(self, job: ImageJob) -> AsyncGenerator[bytes]:
        """The rows of all images of a job, [count, W, C] intensities each. Raises RefusedError."""
        if self._calls >= self._waiting:
            message = f"all {self._waiting} places for calls for images are taken"
            raise RefusedError.full(message, 1.0, "places")
        self._calls += 1
        rows: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        making = asyncio.create_task(self._make(job, rows))
        try:
            while (row := await rows.get()) is not None:
                if isinstance(row, Exception):
                    raise row
                yield row
        finally:
            making.cancel()
            await asyncio.wait([making])
            self._calls -= 1

    async def _make(self, job: ImageJob, rows: asyncio.Queue[bytes | Exception | None]) -> None:
        """Makes a job when it is its turn, which ends with the last row, whether its caller reads or not."""
        try:
            async with self._turn, aclosing(self._made(job)) as made:
                async for row in made:
                    rows.put_nowait(row)
            rows.put_nowait(None)
        except Exception as error:
            rows.put_nowait(error)

    async def _made(self, job: ImageJob) -> AsyncGenerator[bytes]:
        connection, loop = self._started(), asyncio.get_running_loop()
        self._number += 1
        number, ended, pending = self._number, False, None
        try:
            connection.send((number, job))
            while True:
                # Shielded: a row that nobody waits for any more must still be taken out of the pipe.
                pending = loop.run_in_executor(self._receiver, connection.recv)
                row, pending = await asyncio.shield(pending), None
                if row is None:
                    ended = True
                    return
                if isinstance(row, str):
                    ended = True
                    raise RefusedError(grpc.StatusCode.INTERNAL, row)
                yield row
        except (EOFError, OSError) as error:
            ended, self._process = True, None  # the next call starts another
            raise RefusedError(grpc.StatusCode.INTERNAL, "the process that makes images ended") from error
        finally:
            if not ended:
                with suppress(EOFError, OSError):
                    connection.send((number, None))
                    if pending is None or await asyncio.shield(pending) != ("stopped", number):
                        await asyncio.shield(loop.run_in_executor(self._receiver, _drain, connection, number))

    def _started(self) -> Connection:
        if self._process is None or not self._process.is_alive() or self._connection is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=_work, args=(theirs,), name="wavesynth-images", daemon=True
            )
            self._process.start()
            theirs.close()
        return self._connection


def _drain(connection: Connection, number: int) -> None:
    """Takes what is left of an abandoned job, to its end or to the answer that it was stopped."""
    while connection.recv() != ("stopped", number):
        pass


def _work(connection: Connection) -> None:
    """Makes images until the other side closes the pipe."""
    begin_worker()
    import torch

    from wavesynth.images.model import load_image_model

    if hasattr(os, "nice"):
        os.nice(19)
    torch.set_num_threads(1)
    models: dict[Path, tuple[int, ImageModel]] = {}
    with suppress(EOFError, OSError):
        while True:
            number, job = connection.recv()
            if job is None:  # it was abandoned when it was already done
                connection.send(("stopped", number))
                continue
            try:
                edition, model = models.get(job.folder, (None, None))
                if model is None or edition != job.edition:
                    model = load_image_model(job.folder)
                    models[job.folder] = job.edition, model
                if job.count:
                    _send(connection, model, job)
                else:
                    connection.send(None)
            except (ValueError, RuntimeError) as error:
                connection.send(str(error))


def _send(connection: Connection, model: ImageModel, job: ImageJob) -> None:
    """Sends a job's rows and None, or stops when it is told to."""
    import torch

    from wavesynth.images.sampling import params_from
    from wavesynth.models.pixels import intensities, nearest

    c = model.network.config
    labels = None if job.label is None else torch.full((job.count,), job.label)
    known = None
    if job.known:
        image = torch.frombuffer(bytearray(job.known), dtype=torch.uint8).view(1, *c.shape)
        known = nearest(image, c.levels).expand(job.count, *c.shape)
    params = params_from(job.seed, job.count, job.temperature)
    for row in model.rows(params, labels, known, job.pixels):
        if connection.poll():
            number, _ = connection.recv()
            connection.send(("stopped", number))
            return
        connection.send(intensities(row, c.levels).numpy().tobytes())
    connection.send(None)
