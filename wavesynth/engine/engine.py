"""The engine: one thread that owns the models and makes the audio of many streams, step by step.

    take in input → schedule → sample → filter → send

A step makes one chunk for every stream that has input for it and room in its output queue. Streams join and leave
between steps; one that nobody reads is left out until somebody does. What a stream's audio is does not depend on any of
this: sampling is a function of the stream's own state, conditioning and parameters.

A backend that draws elsewhere, as on a GPU, has its next step before the last one's chunks are sent, and so never
waits. The chunks of thousands of streams keep this thread busy for long: so they are worked on some at a time, and
between these the streams that came meanwhile have steps of their own, until the first chunk of each is sent.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from wavesynth.engine.active_stream import ActiveStream
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.intake import Intake
from wavesynth.engine.scheduler import Capacity, Scheduler, StepPlan
from wavesynth.engine.step import STREAMS_AT_A_TIME, Result, Step, StepRunner
from wavesynth.engine.stream import EngineRequest, EngineStream, StreamError
from wavesynth.sampling.backends.sampler import LostError
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["CapacityError", "ClosedError", "Engine"]

_log = logging.getLogger(__name__)


class ClosedError(StreamError):
    """The engine was closed before the stream's end."""


class CapacityError(Exception):
    """There is no room for the stream now; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Engine:
    """Serves `voices`; live streams are admitted as far as `capacity` says.

    `notify` is called on the engine's thread as chunks are handed out, with the live streams that got one and with all
    that ended; `lost`, when the backend can do nothing any more and all streams have ended. Both must return at once.

    >>> with Engine(voices, Capacity.of(4, voices)) as engine:
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
        self._joining: list[EngineStream] = []  # live ones of which no chunk is sent yet
        self._closed = False
        self._end = ClosedError("the service was shut down")
        self._in_flight: Step | None = None  # the step that is drawn elsewhere
        self._joining_steps: list[Step] = []  # and those of joining streams, beside it
        self._intake = Intake(voices, self.config, self._lock)
        self._scheduler = Scheduler(capacity, self.config.chunk)
        self._runner = StepRunner()
        self._thread = threading.Thread(target=self._run, name="wavesynth-engine", daemon=True)

    def __enter__(self) -> Engine:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the thread after its step; streams still open raise ClosedError."""
        with self._lock:
            self._closed = True
        self._wake.set()
        self._thread.join()
        self._runner.close()

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
                self._joining.append(stream)
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
            (s.request.samples - s.samples_made) / self.voices[s.request.voice].voice.sample_rate
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
            self._intake.keep(streams)
            if not self._step(streams):
                self._wake.wait()
        with self._lock:
            for stream in self._streams:
                stream.end(self._end)
        self._notify(self._streams)

    def _step(self, streams: Sequence[EngineStream]) -> bool:
        """Makes the next chunk of the streams that have input and room; whether there were any."""
        live = sum(stream.request.live for stream in streams)
        samples = self._scheduler.samples(live, len(streams) - live)
        ready: list[ActiveStream] = []
        ended: list[Result] = []
        for at in range(0, len(streams), STREAMS_AT_A_TIME):
            self._step_joining()
            some = streams[at : at + STREAMS_AT_A_TIME]
            if self._in_flight is not None or self._joining_steps:
                some = [stream for stream in some if not self._intake.joins(stream)]
            able, unable = self._intake.ready(some, samples)
            ready += able
            ended += unable
        plan = self._scheduler.schedule(ready)
        last, self._in_flight = self._in_flight, self._runner.run(plan) if plan.batches else None
        if last is None and self._in_flight is not None and not self._in_flight.elsewhere:
            last, self._in_flight = self._in_flight, None
        self._step_joining(wait=last is None and self._in_flight is None)
        self._send(ended)
        for results in last.results() if last is not None else ():
            self._step_joining()
            self._send(results)
        return last is not None or bool(ended) or self._in_flight is not None or bool(self._joining_steps)

    def _step_joining(self, wait: bool = False) -> None:
        """Begins the next chunk of live streams of which none is sent yet, beside a step that is drawn elsewhere, and
        sends those of these chunks that are there, or with `wait` all. Until then such streams are left out of the
        others' steps. (A step that is drawn here has ended: streams that came meanwhile are in the next.)"""
        begun, self._joining_steps = self._joining_steps, []
        for step in begun:
            if wait or step.ready:
                for results in step.results():
                    self._send(results)
            else:
                self._joining_steps.append(step)
        with self._lock:
            self._joining = [s for s in self._joining if not (s.closed or s.first_chunk_sent)]
            idle = [s for s in self._joining if self._in_flight is not None and not self._intake.in_flight(s)]
        ready, results = self._intake.ready(idle, self.config.chunk)
        self._intake.extend_first_chunk(ready)
        for active in ready:
            active.joining = True
        self._send(results)
        if ready:
            self._joining_steps.append(self._runner.run(StepPlan.of(ready)))

    def _send(self, results: Sequence[Result]) -> None:
        """Puts chunks into the mailboxes of their streams, and ends the streams that failed."""
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
            self._in_flight, self._joining_steps = None, []
        _log.critical("the backend is lost: %s", error)
        self._lost()


def _stream_error(stream: EngineStream, error: Exception) -> StreamError:
    if isinstance(error, StreamError):
        return error
    if isinstance(error, LostError):
        return StreamError(str(error))
    _log.error("making audio failed, voice %s", stream.request.voice, exc_info=error)
    return StreamError(f"making the audio failed: {error}")
