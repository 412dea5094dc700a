"""The engine's streams for asyncio: the engine's thread rings, the event loop wakes who waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor

from wavesynth.engine.engine import CapacityError, Engine
from wavesynth.engine.stream import EngineOutput, EngineRequest, EngineStream, StreamError
from wavesynth.server.errors import RefusedError

__all__ = ["AsyncEngine", "AsyncStream"]

#: Samples of input that a call may be ahead of its output before it is read no further.
_AHEAD = 32_000


class AsyncEngine:
    """Opens streams for one event loop; `notify` is for the engine."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open: dict[EngineStream, AsyncStream] = {}

    def notify(self, streams: Sequence[EngineStream]) -> None:
        """Wakes those who wait for `streams`, all in one go; called on the engine's thread."""
        self._loop.call_soon_threadsafe(self._ring, streams)

    def _ring(self, streams: Sequence[EngineStream]) -> None:
        for stream in streams:
            if opened := self._open.get(stream):
                opened.ring()

    @contextmanager
    def open(self, engine: Engine, request: EngineRequest) -> Iterator[AsyncStream]:
        """A new stream; leaving the block frees its slot. Raises RefusedError."""
        try:
            stream = engine.open(request)
        except (CapacityError, StreamError) as error:
            raise RefusedError.of(error) from error
        opened = self._open[stream] = AsyncStream(stream)
        try:
            yield opened
        finally:
            stream.cancel()
            del self._open[stream]


class AsyncStream:
    """One stream on the event loop's side."""

    def __init__(self, stream: EngineStream) -> None:
        self._stream = stream
        self._pushed = 0
        self._output, self._room = asyncio.Event(), asyncio.Event()

    def ring(self) -> None:
        """Wakes who waits for output or for room."""
        self._output.set()
        self._room.set()

    async def push(self, piece: Tensor, samples: int) -> None:
        """Gives the next input, which makes `samples` samples; waits while the engine is far behind."""
        while self._pushed - self._stream.made > _AHEAD:
            self._room.clear()  # before looking again: a ring in between is not lost
            if self._pushed - self._stream.made > _AHEAD:
                await self._room.wait()
        self._stream.push(piece)
        self._pushed += samples

    def finish(self) -> None:
        """Says that there will be no more input."""
        self._stream.finish()

    def fail(self, error: Exception) -> None:
        """Ends the stream: `chunks` raises `error` after what is made already."""
        self._stream.fail(error)
        self.ring()

    async def chunks(self) -> AsyncIterator[list[EngineOutput]]:
        """The chunks as they are made, those that wait together; ends after the last. Raises RefusedError."""
        while True:
            self._output.clear()
            try:
                chunks = self._stream.take()
            except StreamError as error:
                raise RefusedError.of(error) from error
            if chunks:
                yield chunks
                if chunks[-1].statistics:
                    return
            else:
                await self._output.wait()
