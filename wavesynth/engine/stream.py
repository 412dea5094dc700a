"""One stream: what is asked for, as plain data, and the mailbox between its caller and the engine's workers."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wavesynth.engine.plane import DataPlane, InputError, PlaneStream, StreamError
from wavesynth.sampling.params import SamplingParams

__all__ = [
    "MAX_INPUT_AHEAD",
    "ClosedError",
    "EngineOutput",
    "EngineRequest",
    "EngineStream",
    "InputError",
    "Statistics",
    "Status",
    "StreamError",
]

#: Samples that a stream's input may be ahead of its output before its caller waits: 2 s at 16 kHz.
MAX_INPUT_AHEAD = 32_000
#: Seconds that a stream which had to wait for its input, or for its reader, has for its next chunk.
_ALLOWED = 0.01


class ClosedError(StreamError):
    """The engine was closed before the stream's end."""


@dataclass(frozen=True)
class EngineRequest:
    """What to make."""

    voice: str
    input: Literal["duration", "mel", "audio"]
    """What the stream is given: nothing but how long it is, log-mel frames, or samples."""
    params: SamplingParams = field(default_factory=SamplingParams)
    speaker: int | None = None
    """One of the voice's speakers, by number; None for a voice that is not told who speaks."""
    sample_rate: int = 0
    """Hertz of the samples that it is given; 0 is the voice's own."""
    samples: int | None = None
    """Samples of the whole, where it is known beforehand."""
    live: bool = True
    """Whether somebody listens while it is made."""
    first_sample: int = 0
    """Samples before this one are made and dropped."""
    correction: int = 0
    """Frames corrected jointly as the audio is filtered towards the log-mel that it is made from; 0: it is not filtered
    (wavesynth.audio.correction)."""
    memory: bytes = b""
    """What the voice's converter remembers, float32 [layers, channels], where the input begins in the middle of a
    recording (wavesynth.engine.excerpt)."""
    client: str = ""
    """Who asks, of whom each may have only a part of the places (`EngineConfig.share`); empty for one who may have
    all."""
    client_streams: int | None = None
    """Live streams, and as many offline ones, that this client may have at once; None if only its part counts."""
    edition: int = 0
    """The edition of the voice for which this was checked; 0 for whichever there is (`Engine.replace`)."""
    request_id: str = ""
    """What the log names the request by."""
    most_samples: int | None = None
    """Samples that the whole may have, where it is not known how many it has, as of an offline text; see
    `wavesynth.engine.spoken.most_seconds`."""
    real_time: bool = False
    """Whether its input comes as it is heard, so that it cannot be made ahead of its listener."""


@dataclass(frozen=True)
class Statistics:
    """A finished stream's figures."""

    samples: int
    time_to_first_audio: float
    """Seconds from the first input to the first chunk."""
    real_time_factor: float
    """Seconds of audio a second, from the first input to the last chunk."""
    started: float = 0.0
    """When its first input came, in time.monotonic() seconds."""
    queued: float = 0.0
    """Seconds from then until a worker began its first step."""
    steps: int = 0
    """Steps that had a part of it."""
    step_streams: int = 0
    """Streams in these steps, itself among them, each as often as it was in one."""


@dataclass(frozen=True, slots=True)
class EngineOutput:
    """A piece of audio."""

    samples: NDArray[np.int16]
    """[n]"""
    first_sample: int
    made_at: float
    """When, in time.monotonic() seconds."""
    statistics: Statistics | None = None
    """On the last chunk."""


class Status(Enum):
    """How far a stream is."""

    WAITING = "for input, or for its reader"
    READY = "for a worker to look whether its next samples can be made"
    RUNNING = "a worker makes samples of it"
    ENDED = "there is nothing more to make of it"


class EngineStream:
    """The mailbox between a caller and the engine's workers; its public methods may be called from any thread.

    The engine makes and keeps it: callers get it from `Engine.open`.
    """

    def __init__(
        self,
        request: EngineRequest,
        plane: DataPlane,
        rouse: Callable[[EngineStream], None],
        lock: threading.Lock | threading.RLock = threading.Lock(),  # noqa: B008  the engine's; none is shared by default
        chunk: int = 0,
    ) -> None:
        """`chunk` are samples in the first chunk, at least, if the input comes in real time: the player begins with
        that and a little in hand, and has no more when the next input comes."""
        self.request, self.plane = request, plane
        self.live = request.live
        """Whether somebody listens while it is made."""
        self.voice = request.voice
        self.pipeline: PlaneStream = plane.open(request)
        self._rouse, self._lock = rouse, lock
        self._output: deque[EngineOutput] = deque()
        self._error: Exception | None = None
        self._pushed = False
        self.started = time.monotonic()
        self.status = Status.WAITING
        self.waiting = 0
        """Samples made and not yet taken."""
        self.samples_made = 0
        """Samples made, with those before the request's first."""
        self.first_chunk_sent = False
        """Whether a chunk came into the mailbox."""
        self.due = self.started
        """When the next chunk is to be there, so that who listens in real time hears no gap."""
        self.since = self.started
        """Since when it may be able to go on."""
        self.again = False
        """Whether something came while a worker looked at it."""
        self.steps = 0
        """Steps under way that have a part of it."""
        self.begins = False
        """Whether a step with a part of it is planned and not yet begun, so that nobody may plan another."""
        self.n = 0
        """Samples that the next step makes of it."""
        self.first_step: float | None = None
        """When its first step was planned."""
        self.steps_made = 0
        """Steps that have given something of it."""
        self.step_streams = 0
        """Streams in these."""
        self._sent = request.first_sample
        self._least_first = chunk if self.live and request.real_time else 0
        self._held = np.zeros(0, np.int16)  # what was made before there was enough for a first chunk
        self._first_made: float | None = None

    # What its caller does.

    def push(self, piece: NDArray[Any]) -> None:
        """Gives the next input: samples [n], int16 or float32, or mel frames [f, bands], float32."""
        if not self._pushed:
            self._pushed = True
            self.started = self.due = time.monotonic()
        self.pipeline.push(piece)
        self._rouse(self)

    def finish(self) -> None:
        """Says that there will be no more input."""
        self.pipeline.finish()
        self._rouse(self)

    def take(self) -> list[EngineOutput]:
        """The chunks made since the last time; raises the stream's error once they are all taken."""
        with self._lock:
            if not self._output and self._error is not None:
                raise self._error
            chunks = list(self._output)
            self._output.clear()
            self.waiting = 0
        if chunks:
            self._rouse(self)
        return chunks

    def cancel(self) -> None:
        """Ends the stream; its place is free from now on."""
        with self._lock:
            self.status = Status.ENDED
            self._error = None  # an error knows where it has been, and so the stream
            self._output.clear()
        self._rouse(self)

    def fail(self, error: Exception) -> None:
        """Ends the stream; what was made can still be taken, then `error` is raised."""
        with self._lock:
            self.end(error)
        self._rouse(self)

    @property
    def closed(self) -> bool:
        """Whether there is nothing more to make."""
        return self.status is Status.ENDED

    # What follows is for the engine, which holds the lock.

    def roused(self, now: float) -> None:
        """It may be able to go on. Whoever let it wait does not make the engine late."""
        self.status = Status.READY
        if self.first_chunk_sent and self.due < now:
            self.due = now + _ALLOWED

    def put(self, samples: NDArray[np.int16], end: int, now: float) -> float | None:
        """Takes the samples [m] that came out when `end` were made; how many seconds late a chunk is that it puts into
        the mailbox, below 0 if it is early; None if it puts none."""
        step = end - self.samples_made
        self.samples_made = end
        last = end == self.pipeline.total
        if self.closed or not len(samples):  # cancelled meanwhile, or held back
            return None
        if not self.first_chunk_sent:
            self._held = samples = np.concatenate([self._held, samples])
            if not last and len(samples) < self._least_first:
                return None
        seconds = (step if self.first_chunk_sent else len(samples)) / self.plane.sample_rate
        late = now - self.due if self.first_chunk_sent else None
        self.due = (self.due if self.first_chunk_sent else now) + seconds
        self._first_made = self._first_made or now
        statistics = self._statistics(now, end) if last else None
        self._output.append(EngineOutput(samples, self._sent, now, statistics))
        self._sent += len(samples)
        self.first_chunk_sent = True
        self.waiting += len(samples)
        if last:
            self.status = Status.ENDED
        return late

    def end(self, error: Exception) -> None:
        """Ends the stream with `error`, if it has not ended."""
        if not self.closed:
            self.status, self._error = Status.ENDED, error

    def _statistics(self, now: float, end: int) -> Statistics:
        seconds = end / self.plane.sample_rate
        return Statistics(
            end - self.request.first_sample,
            (self._first_made or now) - self.started,
            seconds / max(now - self.started, 1e-9),
            self.started,
            max(0.0, (self.first_step or now) - self.started),
            self.steps_made,
            self.step_streams,
        )
