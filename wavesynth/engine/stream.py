"""One stream as its caller sees it: a request, input to push, chunks to take."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from wavesynth.audio.encodings import Encode, pcm16_bytes
from wavesynth.engine.source import Source
from wavesynth.sampling.params import SamplingParams

__all__ = [
    "MAX_INPUT_AHEAD",
    "EngineOutput",
    "EngineRequest",
    "EngineStream",
    "InputError",
    "Statistics",
    "StreamError",
]

#: Samples that a stream's input may be ahead of its output before its caller waits: 2 s at 16 kHz.
MAX_INPUT_AHEAD = 32_000


class StreamError(Exception):
    """Why a stream ended before its last chunk."""


class InputError(StreamError, ValueError):
    """What was pushed cannot be used: a ValueError, as it is of input that is whole."""


@dataclass(frozen=True)
class EngineRequest:
    """What to make."""

    voice: str
    source: Callable[[], Source]
    """Makes the source; called by the engine, where the stream's analysis runs."""
    params: SamplingParams = field(default_factory=SamplingParams)
    samples: int | None = None
    """Samples of the whole, where it is known beforehand."""
    live: bool = True
    """Whether somebody listens while it is made."""
    first_sample: int = 0
    """Samples before this one are made and dropped."""
    encode: Encode = pcm16_bytes
    correction: int = 0
    """Frames corrected jointly as the audio is filtered towards the log-mel that it is made from; 0: it is not filtered
    (wavesynth.audio.correction)."""


@dataclass(frozen=True)
class Statistics:
    """A finished stream's figures."""

    samples: int
    time_to_first_audio: float
    """Seconds from the first input to the first chunk."""
    real_time_factor: float
    """Seconds of audio a second, from the first input to the last chunk."""


@dataclass(frozen=True)
class EngineOutput:
    """A piece of audio."""

    audio: bytes
    first_sample: int
    samples: int
    made_at: float
    """When, in time.monotonic() seconds."""
    statistics: Statistics | None = None
    """On the last chunk."""


class EngineStream:
    """The mailbox between a caller and the engine's thread; every method may be called from any thread.

    The engine makes and keeps it: callers get it from `Engine.open`.
    """

    def __init__(self, request: EngineRequest, lock: threading.Lock, wake: threading.Event) -> None:
        self.request = request
        self._lock = lock
        self._wake = wake
        self._input: deque[Tensor] = deque()
        self._input_ended = False
        self._output: deque[EngineOutput] = deque()
        self._error: Exception | None = None
        self._closed = False
        self.started = time.monotonic()
        self.waiting = 0
        """Samples made and not yet taken."""
        self.samples_made = 0
        """Samples made, with those before the request's first."""
        self.first_chunk_sent = False
        """Whether a chunk came into the mailbox."""

    def push(self, piece: Tensor) -> None:
        """Gives the next input: samples [n] or mel frames [f, bands], as the request's source takes them."""
        with self._lock:
            if not self.samples_made and not self._input:
                self.started = time.monotonic()
            self._input.append(piece)
        self._rouse()

    def finish(self) -> None:
        """Says that there will be no more input."""
        with self._lock:
            self._input_ended = True
        self._rouse()

    def take(self) -> list[EngineOutput]:
        """The chunks made since the last time; raises the stream's error once they are all taken."""
        with self._lock:
            if not self._output and self._error is not None:
                raise self._error
            chunks = list(self._output)
            self._output.clear()
            self.waiting = 0
        self._rouse()
        return chunks

    def cancel(self) -> None:
        """Ends the stream; its slot is free from now on."""
        with self._lock:
            self._closed = True
            self._output.clear()
        self._rouse()

    def fail(self, error: Exception) -> None:
        """Ends the stream; what was made can still be taken, then `error` is raised."""
        with self._lock:
            self.end(error)
        self._rouse()

    def _rouse(self) -> None:
        if not self._wake.is_set():  # which is quicker, and the engine looks after it has cleared it
            self._wake.set()

    # What follows is for the engine, which holds the lock.

    @property
    def closed(self) -> bool:
        """Whether there is nothing more to make."""
        return self._closed

    def collect(self) -> tuple[list[Tensor], bool]:
        """The input since the last time, and whether it has ended."""
        pieces = list(self._input)
        self._input.clear()
        return pieces, self._input_ended

    def put(self, chunk: EngineOutput | None, samples_made: int) -> None:
        """Hands out a chunk (None: one that was dropped), after which so many samples are made."""
        self.samples_made = samples_made
        if chunk is None or self._closed:  # cancelled during the step
            return
        self._output.append(chunk)
        self.first_chunk_sent = True
        self.waiting += chunk.samples
        self._closed = chunk.statistics is not None

    def end(self, error: Exception) -> None:
        """Ends the stream with `error`, if it has not ended."""
        if not self._closed:
            self._closed, self._error = True, error
