"""The engine's streams for threads: who reads waits for output, who feeds waits for room."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from numpy.typing import ArrayLike

from wavesynth.engine.requests import InputReader
from wavesynth.engine.stream import MAX_INPUT_AHEAD, EngineStream

__all__ = ["Listener", "Listeners", "feed"]


class Listener:
    """Who waits for a stream: its reader for output, its feeder for room."""

    def __init__(self) -> None:
        self.output, self.room = threading.Event(), threading.Event()

    def wake(self) -> None:
        """Wakes both."""
        self.output.set()
        self.room.set()


class Listeners:
    """Those of all streams that are open."""

    def __init__(self) -> None:
        self._listeners: dict[EngineStream, Listener] = {}

    def add(self, stream: EngineStream) -> Listener:
        """One for a new stream."""
        listener = self._listeners[stream] = Listener()
        return listener

    def remove(self, stream: EngineStream) -> None:
        """Ends the stream."""
        stream.cancel()
        self._listeners.pop(stream).wake()

    def notify(self, streams: Sequence[EngineStream]) -> None:
        """Wakes who waits for these; called on the engine's thread."""
        for stream in streams:
            if listener := self._listeners.get(stream):
                listener.wake()


def feed(stream: EngineStream, listener: Listener, reader: InputReader, pieces: Iterator[ArrayLike]) -> None:
    """Moves the pieces of a stream's input to it; what is wrong with them, the stream's reader raises.

    A live stream gets them no further ahead than it is made; an offline one, to whom nobody listens, all of them.
    """
    try:
        for piece in pieces:
            while _is_ahead(stream, reader):
                listener.room.clear()  # before looking again, or what is made in between would be missed
                if _is_ahead(stream, reader):
                    listener.room.wait()
            if stream.closed:
                return
            stream.push(reader.read(piece)[0])
        stream.finish()
    except BaseException as error:
        stream.fail(error if isinstance(error, Exception) else RuntimeError(f"the input ended: {error!r}"))
        listener.wake()


def _is_ahead(stream: EngineStream, reader: InputReader) -> bool:
    """Whether there is no hurry with a stream's next input."""
    return stream.live and reader.samples - stream.samples_made > MAX_INPUT_AHEAD and not stream.closed
