"""The engine: one thread that owns the model and makes the audio of many streams, tick by tick.

    deliver input → schedule → sample → post-process → notify

A tick makes one chunk for every stream that has input for it and room in its output queue. Streams join and
leave between ticks; one that nobody reads is left out until somebody does. What a stream's audio is does not
depend on any of this: sampling is a function of the stream's own state, conditioning and key.

A backend that computes elsewhere has its next tick before the last one's chunks are handed out, and so never waits. A
tick of thousands of streams keeps this thread busy for long after: that is done for some of them at a time, and between
these the streams that came have ticks of their own until they are heard.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from wavesynth.checks import require, require_whole
from wavesynth.engine.active_stream import ActiveStream, prepare
from wavesynth.engine.scheduler import Capacity, chunks_in_tick, schedule
from wavesynth.engine.step import SLICE, Result, Tick, Ticker
from wavesynth.engine.stream import EngineRequest, EngineStream, StreamError
from wavesynth.sampling.backends.sampler import LostError
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["CapacityError", "ClosedError", "Engine", "EngineConfig"]

_log = logging.getLogger(__name__)


class ClosedError(StreamError):
    """The engine was closed before the stream's end."""


class CapacityError(Exception):
    """There is no room for the stream now; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class EngineConfig:
    """How the engine runs."""

    chunk: int = 160
    """Samples of a live stream in a tick, at 16 kHz; at another rate, as many as last as long."""
    queue: int = 8000
    """Samples of a live stream that wait for their reader before it is left out, at 16 kHz; at another rate, as many
    as last as long."""
    waiting: int = 16
    """Offline streams that may be under way or wait."""

    def __post_init__(self) -> None:
        limits = {"chunk": (1, 16000), "queue": (1, 1_000_000), "waiting": (1, 10_000)}
        require_whole(self, limits)
        require(self, "queue", self.queue >= self.chunk, f"at least a chunk, {self.chunk}")


class Engine:
    """Serves `voices`; live streams are admitted as far as `capacity` says.

    `notify` is called on the engine's thread as chunks are handed out, with the live streams that got one and with all
    that ended; `lost`, when the backend can do nothing any more and all streams have ended. Both must return at once.

    >>> with Engine(voices, Capacity.of(4, voices)) as engine:  # doctest: +SKIP
    ...     stream = engine.open(EngineRequest("allison", lambda: DurationSource(voice, None, 16000)))
    """

    def __init__(
        self,
        voices: Mapping[str, LoadedVoice],
        capacity: Capacity,
        config: EngineConfig | None = None,
        notify: Callable[[Sequence[EngineStream]], None] = lambda streams: None,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.voices = voices
        self.capacity = capacity
        self.config = config or EngineConfig()
        self._notify, self._lost = notify, lost
        self._lock = threading.Lock()  # guards the list of streams and what is in their mailboxes
        self._wake = threading.Event()  # set after every change under the lock
        self._streams: list[EngineStream] = []
        self._new: list[EngineStream] = []  # live ones of which nothing is handed out yet
        self._closed = False
        self._end = ClosedError("the service was shut down")
        self._begun: Tick | None = None  # the tick that is being made elsewhere
        self._welcoming: list[Tick] = []  # and those of streams that are new, beside it
        self._guests: set[EngineStream] = set()  # streams that are made beside it until they are heard
        self._jobs: dict[EngineStream, ActiveStream] = {}
        self._ticker = Ticker()
        self._thread = threading.Thread(target=self._run, name="wavesynth-engine", daemon=True)

    def __enter__(self) -> Engine:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the thread after its tick; streams still open raise ClosedError."""
        with self._lock:
            self._closed = True
        self._wake.set()
        self._thread.join()
        self._ticker.close()

    def open(self, request: EngineRequest) -> EngineStream:
        """A stream for `request`. Raises CapacityError when there is no room, ClosedError when there is no more engine.

        A live stream is admitted if all live streams together then fit the capacity, or if it is the only one.
        """
        with self._lock:
            if self._closed:
                raise ClosedError(str(self._end))
            others = [s for s in self._streams if not s.closed and s.request.live == request.live]
            if request.live:
                fits = not others or self.capacity.fits([*(s.request.voice for s in others), request.voice])
            else:
                fits = len(others) < self.config.waiting
            if not fits:
                kind = "live" if request.live else "offline"
                raise CapacityError(
                    f"all {len(others)} places for {kind} streams are taken", self._retry_after(others)
                )
            stream = EngineStream(request, self._lock, self._wake)
            self._streams.append(stream)
            if request.live:
                self._new.append(stream)
        self._wake.set()
        return stream

    @property
    def live(self) -> int:
        """Live streams that are open."""
        with self._lock:
            return sum(s.request.live and not s.closed for s in self._streams)

    def _retry_after(self, streams: Sequence[EngineStream]) -> float:
        """Seconds until the first of `streams` should end, if they go on in real time; within 0.1 to 10."""
        left = [
            (s.request.samples - s.made) / self.voices[s.request.voice].voice.sample_rate
            for s in streams
            if s.request.samples is not None
        ]
        return min(max(min(left, default=1.0), 0.1), 10.0)

    def _run(self) -> None:
        while True:
            self._wake.clear()
            with self._lock:
                if self._closed:
                    break
                self._streams = [stream for stream in self._streams if not stream.closed]
                streams = list(self._streams)
            self._jobs = {stream: self._jobs[stream] for stream in streams if stream in self._jobs}
            if not self._tick(streams):
                self._wake.wait()
        with self._lock:
            for stream in self._streams:
                stream.end(self._end)
        self._notify(self._streams)

    def _has_room(self, stream: EngineStream) -> bool:
        loaded = self.voices[stream.request.voice]
        coming = stream.waiting + self._under_way(stream) + loaded.samples(self.config.chunk)
        return not stream.request.live or coming <= loaded.samples(self.config.queue)

    def _tick(self, streams: Sequence[EngineStream]) -> bool:
        """Makes the next chunk of the streams that have input and room; whether there were any."""
        live = sum(stream.request.live for stream in streams)
        samples = self.config.chunk * chunks_in_tick(live, len(streams) - live)
        ready: list[ActiveStream] = []
        ended: list[Result] = []
        for at in range(0, len(streams), SLICE):
            self._welcome()
            guests = self._guests if self._begun is not None or self._welcoming else ()
            few = [stream for stream in streams[at : at + SLICE] if stream not in guests]
            able, unable = self._ready(few, samples)
            ready += able
            ended += unable
        batch = schedule(ready, self.capacity)
        last, self._begun = self._begun, self._ticker.begin(batch) if batch else None
        if last is None and self._begun is not None and not self._begun.waits:
            last, self._begun = self._begun, None
        self._welcome(wait=last is None and self._begun is None)
        self._hand_out(ended)
        for results in last.finish() if last is not None else ():
            self._welcome()
            self._hand_out(results)
        return last is not None or bool(ended) or self._begun is not None or bool(self._welcoming)

    def _welcome(self, wait: bool = False) -> None:
        """Begins the next chunk of live streams that nobody has heard of yet, beside a tick that is made elsewhere, and
        hands out those of its chunks that are there, or with `wait` all. Until they are heard they have no part in that
        tick. (Of one that is made here nothing is left to wait for: they have their part in the next.)"""
        going, self._welcoming = self._welcoming, []
        for tick in going:
            if wait or tick.ready:
                for results in tick.finish():
                    self._hand_out(results)
            else:
                self._welcoming.append(tick)
        with self._lock:
            self._new = [stream for stream in self._new if not (stream.closed or stream.heard)]
            new = [stream for stream in self._new if self._begun is not None and not self._under_way(stream)]
        ready, results = self._ready(new, self.config.chunk)
        self._hasten(ready)
        self._guests = {job.stream for job in ready} | self._guests.intersection(self._new)
        self._hand_out(results)
        if ready:
            self._welcoming.append(self._ticker.begin(ready))

    def _hasten(self, ready: Sequence[ActiveStream]) -> None:
        """Makes the next chunk of new streams so long that it is heard, where there is input for that: each shorter
        chunk would cost a round trip to wherever it is made."""
        for lead, some in groupby(sorted(ready, key=_lead), _lead):
            jobs = [job for job in some if lead > job.loaded.samples(self.config.chunk)]
            for job, can in zip(jobs, prepare(jobs, [lead] * len(jobs)), strict=True):
                if can is not True:
                    prepare([job], [job.loaded.samples(self.config.chunk)])

    def _under_way(self, stream: EngineStream) -> int:
        """Samples that are being made."""
        return self._jobs[stream].state.index - stream.made if stream in self._jobs else 0

    def _ready(
        self, streams: Sequence[EngineStream], samples: int
    ) -> tuple[list[ActiveStream], list[Result]]:
        """Takes in what came for the streams; those that can make their next `samples` (at 16 kHz), or those to their
        end, and those that ended."""
        with self._lock:
            collected = [(stream, *stream.collect(), self._has_room(stream)) for stream in streams]
        results: list[Result] = []
        roomy, ready = [], []
        for stream, pieces, ended, room in collected:
            try:
                job = self._job(stream)
                for piece in pieces:
                    job.source.push(piece)
                if ended:
                    job.source.finish()
                if room:
                    roomy.append(job)
            except Exception as error:
                results.append((stream, 0, error))
        wanted = [job.loaded.samples(samples) for job in roomy]
        for job, can in zip(roomy, prepare(roomy, wanted), strict=True):
            if isinstance(can, Exception):
                results.append((job.stream, 0, can))
            elif can:
                ready.append(job)
        return ready, results

    def _hand_out(self, results: Sequence[Result]) -> None:
        with self._lock:
            for stream, end, made in results:
                if isinstance(made, Exception):
                    stream.end(_stream_error(stream, made))
                else:
                    stream.put(made, end)
            changed = [stream for stream, _, _ in results if stream.request.live or stream.closed]
        if changed:
            self._notify(changed)
        lost = next((made for _, _, made in results if isinstance(made, LostError)), None)
        if lost is not None:
            self._lose(lost)

    def _lose(self, error: LostError) -> None:
        """Ends everything: the backend is gone."""
        with self._lock:
            if self._closed:
                return
            self._closed, self._end = True, ClosedError(str(error))
            self._begun, self._welcoming = None, []
        _log.critical("the backend is lost: %s", error)
        self._lost()

    def _job(self, stream: EngineStream) -> ActiveStream:
        if stream not in self._jobs:
            self._jobs[stream] = ActiveStream(stream, self.voices[stream.request.voice])
        return self._jobs[stream]


def _lead(job: ActiveStream) -> int:
    return job.lead


def _stream_error(stream: EngineStream, error: Exception) -> StreamError:
    if isinstance(error, StreamError):
        return error
    if isinstance(error, LostError):
        return StreamError(str(error))
    _log.error("making audio failed, voice %s", stream.request.voice, exc_info=error)
    return StreamError(f"making the audio failed: {error}")
