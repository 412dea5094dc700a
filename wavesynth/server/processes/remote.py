"""A front end's end: the streams of the engine's process, as if the engine were here. For one event loop."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from wavesynth.engine.stream import ClosedError, EngineOutput, EngineRequest, StreamError
from wavesynth.server.processes.memory import SharedSlots
from wavesynth.server.processes.plain import error_of, plain_request
from wavesynth.server.processes.records import END, input_records, read_outputs
from wavesynth.server.processes.ring import RingReader, RingWriter
from wavesynth.server.processes.wire import CONTROL, WROTE, Wire, read_counts, written_counts

__all__ = ["RemoteEngine", "RemoteStream"]


class RemoteStream:
    """A stream of the engine's process; its methods are those of an `EngineStream`, and none of them waits."""

    def __init__(self, engine: RemoteEngine, number: int, memory: SharedSlots, slot: int) -> None:
        """The engine opens it."""
        self._engine, self._number = engine, number
        self._input, self._audio = RingWriter(memory.input(slot)), RingReader(memory.output(slot))
        self._waiting: deque[bytes] = deque()  # records for which there was no room
        self._error: Exception | None = None
        self._failed: Exception | None = None
        self._ended = False
        self.samples_made = 0
        """Samples made so far, with those before the request's first."""

    @property
    def closed(self) -> bool:
        """Whether there is nothing more to make."""
        return self._ended or self._error is not None

    def push(self, piece: NDArray[Any]) -> None:
        """Gives the next input: int16 or float32 samples [n], or float32 frames [f, bands]."""
        self._waiting += input_records(piece, self._input.longest)
        self._move()

    def finish(self) -> None:
        """Says that there will be no more input."""
        self._waiting.append(END)
        self._move()

    def take(self) -> list[EngineOutput]:
        """What was made since the last time; raises the stream's error once all is taken."""
        outputs = read_outputs(self._audio)
        if outputs:
            self._ended = outputs[-1].statistics is not None
            if size := self._audio.to_say():
                self._engine.has_read(self._number, size)
        elif self._error is not None:
            raise self._error
        return outputs

    def cancel(self) -> None:
        """Ends the stream; its slot is free from now on."""
        self._ended, self._error, self._failed = True, None, None
        self._engine.close_stream(self._number)

    def fail(self, error: Exception) -> None:
        """Ends the stream; what was made can still be taken, then `error` is raised."""
        if self._failed is None and not self.closed:
            self._failed = error
            self._engine.fail_stream(self._number)

    # What follows is for the engine.

    def was_written(self, size: int, samples_made: int) -> None:
        """There are so many bytes of audio more, and so many samples are made."""
        self._audio.was_written(size)
        self.samples_made = samples_made

    def was_read(self, size: int) -> None:
        """There is so much more room for input."""
        self._input.was_read(size)
        self._move()

    def end(self, error: Exception) -> None:
        """There will be no more; `error` says why, or what the caller said."""
        if self._error is None:
            self._error = self._failed or error

    def _move(self) -> None:
        before = self._input.room
        while self._waiting and not self.closed and len(self._waiting[0]) <= self._input.room:
            self._input.write(self._waiting.popleft())
        if self._input.room != before:
            self._engine.has_written(self._number, before - self._input.room)


class RemoteEngine:
    """Opens streams of the engine's process, and calls `notify` with those that have audio or take input.

    Whether there is room the engine's process says, which alone knows all streams. `open` waits for its answer, and the
    loop goes on meanwhile. What the process says that is about no stream goes to `said`; `gone` is called when it is
    gone, after all streams have ended with ClosedError.
    """

    def __init__(
        self,
        wire: Wire,
        memory: SharedSlots,
        notify: Callable[[Sequence[RemoteStream]], None],
        said: Callable[[dict[str, Any]], None] = lambda message: None,
        gone: Callable[[], None] = lambda: None,
    ) -> None:
        self._wire, self._memory = wire, memory
        self._notify, self._said, self._gone = notify, said, gone
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._streams: dict[int, RemoteStream] = {}
        self._asked: dict[int, asyncio.Future[RemoteStream]] = {}
        self._written: dict[int, int] = {}
        self._read: dict[int, int] = {}
        self._flushing = self._writing = self._lost = False
        self._loop.add_reader(wire, self._receive)

    async def open(self, request: EngineRequest) -> RemoteStream:
        """A stream for `request`. Raises CapacityError when there is no room, ClosedError when there is no engine."""
        if self._lost:
            raise _lost()
        number = next(self._numbers)
        answer = self._asked[number] = self._loop.create_future()
        self._wire.control(open=number, request=plain_request(request))
        self._flush_soon()
        try:
            return await answer
        except asyncio.CancelledError:
            self.close_stream(number)
            raise
        finally:
            del self._asked[number]

    def say(self, **message: Any) -> None:
        """Tells the engine's process something that is about no stream."""
        self._wire.control(**message)
        self._flush_soon()

    def close(self) -> None:
        """Ends the connection."""
        self._loop.remove_reader(self._wire)
        self._loop.remove_writer(self._wire)
        self._wire.close()

    # What follows is for the streams.

    def has_written(self, number: int, size: int) -> None:
        """So many bytes of input are in a stream's ring."""
        self._written[number] = self._written.get(number, 0) + size
        self._flush_soon()

    def has_read(self, number: int, size: int) -> None:
        """So many bytes of audio are taken out of a stream's ring."""
        self._read[number] = self._read.get(number, 0) + size
        self._flush_soon()

    def fail_stream(self, number: int) -> None:
        """The stream's input has failed."""
        self.say(fail=number)

    def close_stream(self, number: int) -> None:
        """The stream's slot is not touched any more."""
        self._streams.pop(number, None)
        self._written.pop(number, None)
        self._read.pop(number, None)
        self.say(close=number)

    def _flush_soon(self) -> None:
        """Sends all that this turn of the loop says in one message each way."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._lost:
            return
        if self._written:
            self._wire.wrote((number, size, 0) for number, size in self._written.items())
            self._written.clear()
        if self._read:
            self._wire.read(self._read.items())
            self._read.clear()
        self._wire.flush()
        if self._wire.pending != self._writing:
            self._writing = self._wire.pending
            if self._writing:
                self._loop.add_writer(self._wire, self._flush)
            else:
                self._loop.remove_writer(self._wire)

    def _receive(self) -> None:
        changed: dict[int, RemoteStream] = {}
        try:
            for kind, payload in self._wire.receive():
                if kind == CONTROL:
                    self._control(json.loads(payload), changed)
                elif kind == WROTE:
                    for number, size, made in written_counts(payload):
                        if stream := self._streams.get(number):
                            stream.was_written(size, made)
                            changed[number] = stream
                else:
                    for number, size in read_counts(payload):
                        if stream := self._streams.get(number):
                            stream.was_read(size)
        except EOFError:
            self._lose()
            return
        if changed:
            self._notify(list(changed.values()))

    def _control(self, message: dict[str, Any], changed: dict[int, RemoteStream]) -> None:
        match message:
            case {"admitted": number, "slot": slot}:
                if (answer := self._asked.get(number)) and not answer.done():
                    stream = self._streams[number] = RemoteStream(self, number, self._memory, slot)
                    answer.set_result(stream)
            case {"refused": number, "error": error}:
                if (answer := self._asked.get(number)) and not answer.done():
                    answer.set_exception(error_of(error))
            case {"ended": number, "error": error}:
                if number in self._streams:
                    changed[number] = self._streams[number]
                    changed[number].end(error_of(error))
            case _:
                self._said(message)

    def _lose(self) -> None:
        """The engine's process is gone."""
        self._lost = True
        self.close()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(_lost())
        for stream in self._streams.values():
            stream.end(_lost())
        self._notify(list(self._streams.values()))
        self._gone()


def _lost() -> StreamError:
    return ClosedError("the engine's process has ended")
