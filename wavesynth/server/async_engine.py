"""The engine's streams for asyncio: the event loop wakes who waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wavesynth.engine.admission import CapacityError
from wavesynth.engine.stream import MAX_INPUT_AHEAD, EngineOutput, EngineRequest, StreamError
from wavesynth.server.errors import RefusedError

__all__ = ["AsyncEngine", "AsyncStream", "Stream"]


#: Bytes of a large input that are given at once: what takes a millisecond.
_SLICE = 1 << 19


class Stream(Protocol):
    """What is used of an engine's stream: an `EngineStream`'s methods, none of which waits."""

    @property
    def samples_made(self) -> int:
        """Samples made, with those before the request's first."""

    @property
    def closed(self) -> bool:
        """Whether there is nothing more to make."""

    def push(self, piece: NDArray[np.generic], /) -> None:
        """Gives the next input."""

    def finish(self) -> None:
        """Says that there will be no more input."""

    def take(self) -> list[EngineOutput]:
        """What was made since the last time; raises the stream's error once all is taken."""

    def cancel(self) -> None:
        """Ends the stream; its slot is free from now on."""

    def fail(self, error: Exception, /) -> None:
        """Ends the stream: `error` is raised after what is made already."""


class AsyncEngine:
    """Opens an engine's streams on one event loop, by the engine's own `open_stream`: that of the engine in this
    process, or what asks the engine's process."""

    def __init__(self, open_stream: Callable[[EngineRequest], Awaitable[Stream]]) -> None:
        self._open_stream = open_stream
        self._open: dict[Stream, AsyncStream] = {}

    @asynccontextmanager
    async def open(self, request: EngineRequest) -> AsyncIterator[AsyncStream]:
        """A new stream; leaving the block frees its slot. Raises RefusedError."""
        try:
            stream = await self._open_stream(request)
        except (CapacityError, StreamError) as error:
            raise RefusedError.of(error) from error
        opened = self._open[stream] = AsyncStream(stream, request.live)
        try:
            yield opened
        finally:
            stream.cancel()
            del self._open[stream]

    def wake(self, streams: Sequence[Stream]) -> None:
        """Wakes all that wait for `streams`, which have output or take input."""
        for stream in streams:
            if opened := self._open.get(stream):
                opened.wake()


class AsyncStream:
    """One stream on the event loop's side."""

    def __init__(self, stream: Stream, live: bool = True) -> None:
        self._stream, self._live = stream, live
        self._pushed = 0
        self.delay = 0.0
        """Seconds from the request to the first input, where that is made of the request: they are part of what a
        listener waits."""
        self._output, self._room = asyncio.Event(), asyncio.Event()

    def wake(self) -> None:
        """Wakes who waits for output, or for room for input."""
        self._output.set()
        self._room.set()

    async def room(self, ahead: int = MAX_INPUT_AHEAD) -> None:
        """Waits while the input of a live stream is more than `ahead` samples ahead of the engine; an offline one takes
        all of it."""
        while self._live and self._pushed - self._stream.samples_made > ahead:
            self._room.clear()  # before looking again: a wake-up in between is not lost
            if self._pushed - self._stream.samples_made > ahead:
                await self._room.wait()

    async def push(self, piece: NDArray[np.generic], samples: int) -> None:
        """Gives the next input, which makes `samples` samples, when there is `room`."""
        await self.room()
        self._stream.push(piece)
        self._pushed += samples

    async def push_whole(self, given: NDArray[np.generic]) -> None:
        """Gives all the input there will be, samples or frames; others have a turn in between."""
        step = max(1, _SLICE // max(1, given[:1].nbytes))
        self._stream.push(given[:step])
        for begin in range(step, len(given), step):
            await asyncio.sleep(0)
            self._stream.push(given[begin : begin + step])

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
                yield self._with_delay(outputs) if self.delay else outputs
                if outputs[-1].statistics:
                    return
            else:
                await self._output.wait()

    def _with_delay(self, outputs: list[EngineOutput]) -> list[EngineOutput]:
        if (last := outputs[-1].statistics) is None:
            return outputs
        later = replace(last, time_to_first_audio=last.time_to_first_audio + self.delay)
        return [*outputs[:-1], replace(outputs[-1], statistics=later)]
