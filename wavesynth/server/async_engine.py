"""The engine's streams for asyncio: the engine's thread notifies, the event loop wakes who waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor

from wavesynth.engine.engine import CapacityError, Engine
from wavesynth.engine.stream import MAX_INPUT_AHEAD, EngineOutput, EngineRequest, EngineStream, StreamError
from wavesynth.server.errors import RefusedError

__all__ = ["AsyncEngine", "AsyncStream", "Notify"]

#: What an engine calls on its own thread, with the streams that have output or take input.
Notify = Callable[[Sequence[EngineStream]], None]


class AsyncEngine:
    """Opens an engine's streams on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, make_engine: Callable[[Notify], Engine]) -> None:
        self._loop = loop
        self._open: dict[EngineStream, AsyncStream] = {}
        self.engine = make_engine(self._notify)

    @contextmanager
    def open(self, request: EngineRequest) -> Iterator[AsyncStream]:
        """A new stream; leaving the block frees its slot. Raises RefusedError."""
        try:
            stream = self.engine.open(request)
        except (CapacityError, StreamError) as error:
            raise RefusedError.of(error) from error
        opened = self._open[stream] = AsyncStream(stream)
        try:
            yield opened
        finally:
            stream.cancel()
            del self._open[stream]

    def _notify(self, streams: Sequence[EngineStream]) -> None:
        """On the engine's thread: has all be woken that wait for `streams`, in one go."""
        self._loop.call_soon_threadsafe(self._wake, streams)

    def _wake(self, streams: Sequence[EngineStream]) -> None:
        for stream in streams:
            if opened := self._open.get(stream):
                opened.wake()


class AsyncStream:
    """One stream on the event loop's side."""

    def __init__(self, stream: EngineStream) -> None:
        self._stream = stream
        self._pushed = 0
        self._output, self._room = asyncio.Event(), asyncio.Event()

    def wake(self) -> None:
        """Wakes who waits for output, or for room for input."""
        self._output.set()
        self._room.set()

    async def push(self, piece: Tensor, samples: int) -> None:
        """Gives the next input, which makes `samples` samples; waits while the engine is far behind."""
        while self._pushed - self._stream.samples_made > MAX_INPUT_AHEAD:
            self._room.clear()  # before looking again: a wake-up in between is not lost
            if self._pushed - self._stream.samples_made > MAX_INPUT_AHEAD:
                await self._room.wait()
        self._stream.push(piece)
        self._pushed += samples

    def finish(self) -> None:
        """Says that there will be no more input."""
        self._stream.finish()

    def fail(self, error: Exception) -> None:
        """Ends the stream: `outputs` raises `error` after what is made already."""
        self._stream.fail(error)
        self.wake()

    async def outputs(self) -> AsyncIterator[list[EngineOutput]]:
        """What is made, as it is made; outputs that wait come together. Ends after the last. Raises RefusedError."""
        while True:
            self._output.clear()
            try:
                outputs = self._stream.take()
            except StreamError as error:
                raise RefusedError.of(error) from error
            if outputs:
                yield outputs
                if outputs[-1].statistics:
                    return
            else:
                await self._output.wait()
