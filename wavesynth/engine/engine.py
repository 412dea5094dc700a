"""The engine: streams that are open, and workers, one a core, that make their audio step by step.

    open, push → READY → a worker: look, schedule, advance, hand out → READY, or WAITING for input or for a reader

A worker that has nothing to do takes the streams whose chunks are due first, makes one chunk of each, and hands it out;
another does the same with others meanwhile. What a stream's audio is does not depend on any of this: sampling is a
function of the stream's own state, conditioning and parameters.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from wavesynth.engine.admission import Admission, CapacityError
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.counts import Counts
from wavesynth.engine.plane import DataPlane, EngineLostError, samples_at
from wavesynth.engine.planes import plane_of
from wavesynth.engine.scheduler import Capacity, Scheduler
from wavesynth.engine.stream import ClosedError, EngineRequest, EngineStream, StreamError
from wavesynth.engine.work import Work
from wavesynth.engine.worker import run_worker
from wavesynth.sampling.backends.sampler import LostError
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["CapacityError", "ClosedError", "Engine"]

_log = logging.getLogger(__name__)
#: Workers beyond one a core for samplers that are waited for: one waits for the step that is drawn, one has the next
#: ready, and one looks after streams that join.
_WAITING_WORKERS = 3
#: Seconds that the workers of a lost engine have to end: one may wait for a device that never answers.
_PATIENCE = 5.0


class Engine:
    """Serves `voices`; live streams are admitted as far as `capacity` says.

    `notify` is called on a worker's thread as chunks are handed out, with the live streams that got one and with all
    that ended; `lost`, when the engine can do nothing any more and all streams have ended with StreamError. Both must
    return at once.

    >>> with Engine(voices, Capacity.of(4, voices)) as engine:
    ...     stream = engine.open(EngineRequest("allison", "audio"))
    """

    def __init__(
        self,
        voices: Mapping[str, LoadedVoice],
        capacity: Capacity,
        config: EngineConfig | None = None,
        notify: Callable[[Sequence[EngineStream]], None] = lambda streams: None,
        lost: Callable[[], None] = lambda: None,
        planes: Mapping[str, DataPlane] | None = None,
        editions: Mapping[str, int] | None = None,
    ) -> None:
        """`planes` are those of the voices, where they are made already, and `editions` are theirs (`replace`)."""
        self.voices = voices
        self.config = config or EngineConfig()
        self.planes = planes or {name: plane_of(loaded) for name, loaded in voices.items()}
        self._notify, self._lost = notify, lost
        self._editions = dict(editions or {})
        self._replaced: dict[tuple[str, int], DataPlane] = {}
        self.counts = Counts()
        """What the workers have done."""
        self._admission = Admission(
            capacity,
            self.config.waiting,
            share=self.config.share,
            offline_samples=self.config.offline_samples,
        )
        self._end: StreamError | None = None
        workers = self.config.workers
        if any(plane.depth > 1 for plane in self.planes.values()):
            workers = max(workers, _WAITING_WORKERS)
        self._work = Work(Scheduler(capacity, self.config.chunk, workers), self.config)
        names = [f"wavesynth-worker-{number}" for number in range(workers)]
        self._threads = [
            threading.Thread(target=run_worker, args=(self._work, self), name=name, daemon=True)
            for name in names
        ]

    def __enter__(self) -> Engine:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the workers after their steps; streams still open raise ClosedError."""
        left = self._finish(ClosedError("the service was shut down"))
        if left is not None:
            self._notify(left)
        deadline = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()) if left is None else None)

    @property
    def capacity(self) -> Capacity:
        """How many live streams there is room for."""
        return self._admission.capacity

    @property
    def live(self) -> int:
        """Live streams that are open."""
        return self._work.count(live=True)

    @property
    def offline(self) -> int:
        """Offline streams that are open."""
        return self._work.count(live=False)

    @property
    def ready(self) -> int:
        """Streams that wait for a worker."""
        return self._work.ready

    @property
    def load(self) -> float:
        """The part of the capacity that the live streams take; above 1 if the only one is more than there is room
        for."""
        return self._admission.load(self._work.live_requests())

    @property
    def room(self) -> float:
        """The part of the capacity that live streams may take now, as far as chunks have not been late: 0 to 1."""
        return self._admission.room

    def open(self, request: EngineRequest) -> EngineStream:
        """A stream for `request`. Raises CapacityError when there is no room, ClosedError when there is no more engine,
        and what a request that cannot be made raises.

        A live stream is admitted if all live streams together then fit the capacity, or if it is the only one.
        """
        with self._work.lock:
            self._check_open()
            others = [s for s in self._work.streams if not s.closed and s.live == request.live]
            self._admission.check(request, others)
            plane = self._plane_of(request)
            chunk = samples_at(plane.sample_rate, self.config.chunk)
            stream = EngineStream(request, plane, self._work.rouse, self._work.lock, chunk)
            self._work.add(stream)
        return stream

    def replace(
        self,
        voices: Mapping[str, LoadedVoice],
        planes: Mapping[str, DataPlane],
        capacity: Capacity,
        editions: Mapping[str, int],
    ) -> None:
        """Serves these from now on. Streams that are open go on with what they began with.

        `editions` tell voices of one name apart: requests that were checked for another edition than the newest are
        still made with that one, until `forget_replaced`.
        """
        with self._work.lock:
            old = {(name, self._editions.get(name, 0)): plane for name, plane in self.planes.items()}
            new = set(editions.items())
            self._replaced = {key: plane for key, plane in (self._replaced | old).items() if key not in new}
            # Streams of voices that are gone still take their part.
            before = self.capacity
            self._admission.capacity = replace(
                capacity,
                load={**before.load, **capacity.load},
                ahead_share={**before.ahead_share, **capacity.ahead_share},
            )
            self._work.reschedule(self.capacity)
            self.voices, self.planes, self._editions = voices, planes, dict(editions)

    def forget_replaced(self, editions: Mapping[str, int]) -> None:
        """What was replaced when `editions` came is not served any more, if these are still the newest."""
        with self._work.lock:
            if self._editions == editions:
                self._replaced = {}

    def _plane_of(self, request: EngineRequest) -> DataPlane:
        if request.edition in (0, self._editions.get(request.voice)):
            plane = self.planes.get(request.voice)
        else:
            plane = self._replaced.get((request.voice, request.edition))
        if plane is None:
            raise ClosedError(f"voice {request.voice} has just been replaced or removed; call again")
        return plane

    def _check_open(self) -> None:
        if self._end is not None:
            raise ClosedError(str(self._end))

    # What follows is for the workers.

    def handed_out(self, streams: Sequence[EngineStream], late: Sequence[float]) -> None:
        """Tells those who wait: of live streams that got a chunk, and of all that ended. `late` is by how many seconds
        each chunk is."""
        self._admission.observe(late, self._work.live_requests)
        self.counts.handed_out(late)
        if streams:
            self._notify(streams)

    def stream_error(self, stream: EngineStream, error: Exception) -> StreamError:
        """Why a stream ends, as its caller is told."""
        if isinstance(error, StreamError):
            return error
        if isinstance(error, LostError):
            return EngineLostError(str(error))
        asked = stream.request.request_id
        _log.error("making audio failed, voice %s, request %s", stream.voice, asked, exc_info=error)
        return StreamError(f"making the audio failed: {error}")

    def lose(self, error: BaseException) -> None:
        """Ends everything: the backend is gone, or a worker."""
        left = self._finish(
            EngineLostError(str(error) if isinstance(error, LostError) else "the engine has failed")
        )
        if left is None:
            return
        try:
            self._notify(left)
        finally:  # what fails may be what tells those who wait
            self._lost()
            _log.critical("the engine is lost: %s", error, exc_info=error)

    def _finish(self, end: StreamError) -> list[EngineStream] | None:
        """Ends all streams, which it returns, and the workers after their steps; None if that was done before."""
        with self._work.lock:
            if self._end is not None:
                return None
            self._end = end
            return self._work.close(end)
