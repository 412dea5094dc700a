"""What there is to do: the streams that are open, and the next step of those that can go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from wavesynth.engine.config import EngineConfig
from wavesynth.engine.plane import samples_at
from wavesynth.engine.scheduler import Capacity, Scheduler, StepPlan
from wavesynth.engine.stream import EngineRequest, EngineStream, Status, StreamError

__all__ = ["Failure", "Work"]

#: A stream that cannot go on, and why.
Failure = tuple[EngineStream, Exception]

#: Steps under way of streams that are heard, where all are in one step; more would have less in each.
_STEPS = 2


class Work:
    """Shared by the workers and by whoever opens and feeds streams; `lock` guards it and what is in the mailboxes.

    One worker at a time looks which of the READY streams can go on, and plans a step of some. While it runs that step,
    another may look. A worker whose step has ended looks at once, so that a lone stream stays with one worker, and its
    state in that core's cache; another is woken for what is left.
    """

    def __init__(self, scheduler: Scheduler, config: EngineConfig) -> None:
        self.lock = threading.RLock()  # a collection of garbage may end a stream on a thread that holds it
        self.streams: dict[EngineStream, None] = {}
        """Those that are open, in the order in which they came."""
        self._scheduler, self._config = scheduler, config
        self._changed = threading.Condition(self.lock)
        self._ready: dict[EngineStream, None] = {}
        self._held: list[EngineStream] = []  # ready ones that wait for a step to end
        self._looking = False  # whether a worker does
        self._not_before = 0.0  # when it is time to look again, if nothing changes
        self._idle = scheduler.workers
        self._steps = 0  # under way, of streams that are heard and whose plane wants all in one
        self._closed = False

    # For whoever opens, feeds and reads streams.

    def add(self, stream: EngineStream) -> None:
        """A new stream."""
        with self.lock:
            self.streams[stream] = None
            self._make_ready(stream)
            self._changed.notify()

    def count(self, live: bool) -> int:
        """Streams that are open."""
        with self.lock:
            return sum(s.live == live and not s.closed for s in self.streams)

    @property
    def ready(self) -> int:
        """Streams that wait for a worker."""
        return len(self._ready)

    def live_requests(self) -> list[EngineRequest]:
        """What the live streams that are open were asked for."""
        with self.lock:
            return [stream.request for stream in self.streams if stream.live and not stream.closed]

    def rouse(self, stream: EngineStream) -> None:
        """Something came that may let the stream go on, or it has ended."""
        with self.lock:
            if stream.closed:
                self.streams.pop(stream, None)
                self._ready.pop(stream, None)
            elif stream.status is Status.WAITING:
                stream.roused(time.monotonic())
                self._make_ready(stream)
                self._changed.notify()
            else:
                stream.again = True

    def reschedule(self, capacity: Capacity) -> None:
        """There is room for other streams now."""
        with self.lock:
            self._scheduler = replace(self._scheduler, capacity=capacity)

    def close(self, end: StreamError) -> list[EngineStream]:
        """Ends all streams with `end`, and returns them; the workers end after their steps."""
        with self.lock:
            self._closed = True
            left = list(self.streams)
            for stream in left:
                stream.end(end)
            self.streams.clear()
            self._ready.clear()
            self._changed.notify_all()
            return left

    # For the workers.

    def next_step(self) -> tuple[StepPlan[EngineStream], list[Failure]] | None:
        """The next step, whose streams are the worker's until it says `done`, and streams that cannot go on; waits
        until there is something. None when there is nothing to do any more."""
        while (claimed := self._claim()) is not None:
            able, failures = self._look(claimed)
            plan = self._plan(claimed, able, failures)
            if plan.batches or failures:
                return plan, failures
            del claimed, able, failures, plan  # see run_worker
        return None

    def begun(self, plan: StepPlan[EngineStream]) -> None:
        """The step is under way: streams of which another may be, too, are ready again."""
        with self.lock:
            for stream in plan.streams:
                stream.begins = False
                if stream.steps < stream.plane.depth and not stream.closed:
                    self._make_ready(stream)
                    self._changed.notify()

    def put(
        self, streams: Sequence[EngineStream], ends: Sequence[int], made: Sequence[NDArray[np.int16]]
    ) -> tuple[list[EngineStream], list[float]]:
        """Puts what came out into the mailboxes; the live streams that got a chunk, or are yet to get their first, and
        all that ended; and how late each chunk of a live stream is."""
        changed, late = [], []
        with self.lock:
            now = time.monotonic()
            for stream, end, samples in zip(streams, ends, made, strict=True):
                before = stream.waiting
                stream.steps_made += 1
                stream.step_streams += len(streams)
                lateness = stream.put(samples, end, now)
                if stream.closed:
                    self.streams.pop(stream, None)
                # One that has given nothing yet may have room for input: what it makes may be dropped (`first_sample`).
                if stream.closed or (
                    stream.live and (stream.waiting > before or not stream.first_chunk_sent)
                ):
                    changed.append(stream)
                if lateness is not None and stream.live:
                    late.append(lateness)
        return changed, late

    def fail(self, failures: Sequence[Failure]) -> list[EngineStream]:
        """Ends streams; those that had not ended."""
        with self.lock:
            ended = [stream for stream, _ in failures if not stream.closed]
            for stream, error in failures:
                stream.end(error)
                self.streams.pop(stream, None)
            return ended

    def done(self, plan: StepPlan[EngineStream]) -> None:
        """The step has ended; who ran it asks for the next one."""
        with self.lock:
            self._idle += 1
            self._steps -= plan.gathered
            for stream in plan.streams:
                stream.steps -= 1
                if stream.status is Status.RUNNING and not stream.begins:
                    self._make_ready(stream)
            for stream in self._held:
                self._ready[stream] = None
            self._held.clear()
            self._not_before = 0.0

    def _make_ready(self, stream: EngineStream) -> None:
        stream.status, stream.since = Status.READY, time.monotonic()
        self._ready[stream] = None
        self._not_before = 0.0

    def _claim(self) -> list[EngineStream] | None:
        """The READY streams, once there are any, it is time to look at them, and nobody else does. None when the engine
        is closed."""
        with self.lock:
            while not self._closed:
                wait = self._not_before - time.monotonic() if self._not_before else 0.0
                if self._ready and not self._looking and wait <= 0:
                    break
                self._changed.wait(wait if self._ready and not self._looking else None)
            if self._closed:
                return None
            self._looking, self._not_before = True, 0.0
            claimed = [stream for stream in self.streams if stream in self._ready]
            self._ready.clear()
            live, now = sum(s.live for s in self.streams), time.monotonic()
            for stream in claimed:
                stream.again = False
                of_16000 = self._scheduler.samples(stream, live, len(self.streams) - live, now)
                stream.n = samples_at(stream.plane.sample_rate, of_16000)
            return claimed

    def _look(self, claimed: Sequence[EngineStream]) -> tuple[list[EngineStream], list[Failure]]:
        """Which streams can go on, with `n` as many samples as they can make, and which cannot."""
        able: list[EngineStream] = []
        failures: list[Failure] = []
        roomy = [stream for stream in claimed if self._has_room(stream)]
        for _, group in groupby(sorted(roomy, key=_plane), _plane):
            streams = list(group)
            plane = streams[0].plane
            if plane.depth > 1:
                streams = self._with_first_chunks(streams, able)
            counts = plane.ready([s.pipeline for s in streams], [s.n for s in streams])
            for stream, count in zip(streams, counts, strict=True):
                if isinstance(count, Exception):
                    failures.append((stream, count))
                elif count:
                    stream.n = int(count)
                    able.append(stream)
        return able, failures

    def _with_first_chunks(
        self, streams: Sequence[EngineStream], able: list[EngineStream]
    ) -> list[EngineStream]:
        """Makes the first chunk of joining streams so long that it can be sent, where there is input for that: a
        shorter one is held back by the correction, and takes as much of the time until it comes. The others."""
        joining = [s for s in streams if not s.first_chunk_sent and s.pipeline.lead > s.n]
        leads = [stream.pipeline.lead for stream in joining]
        counts = joining[0].plane.ready([s.pipeline for s in joining], leads) if joining else []
        whole = set()
        for stream, lead, count in zip(joining, leads, counts, strict=True):
            if count == lead:
                stream.n = lead
                whole.add(stream)
        able += [stream for stream in joining if stream in whole]
        return [stream for stream in streams if stream not in whole]

    def _plan(
        self, claimed: Sequence[EngineStream], able: Sequence[EngineStream], failures: Sequence[Failure]
    ) -> StepPlan[EngineStream]:
        """The step. Streams that are not in it wait, or are left for the next turn."""
        with self.lock:
            left = {stream for stream in able if not stream.closed}
            if self._steps >= _STEPS:
                held = [s for s in claimed if s in left and s.plane.depth > 1 and s.first_chunk_sent]
                self._held += held
                left.difference_update(held)
            live = sum(s.live for s in self.streams)
            candidates = [stream for stream in claimed if stream in left]  # oldest first
            plan = self._scheduler.schedule(candidates, live, time.monotonic(), self._idle)
            changed = bool(self._ready)  # since these were claimed
            chosen, failed = set(plan.streams), {stream for stream, _ in failures}
            held_back = set(self._held)
            for stream in claimed:
                if stream.closed or stream in held_back:
                    continue
                if stream in chosen:
                    stream.status = Status.RUNNING
                    if stream.first_step is None:
                        stream.first_step = time.monotonic()
                    stream.steps += 1
                    stream.begins = True
                elif stream in left or (stream.again and stream not in failed):
                    self._ready[stream] = None
                    changed = changed or stream.again
                else:
                    stream.status = Status.WAITING
            if plan.batches or failures:
                self._idle -= 1
            elif plan.wait is not None and not changed:
                self._not_before = time.monotonic() + plan.wait
            self._steps += plan.gathered
            self._looking = False
            if self._ready and self._idle:
                self._changed.notify()
            return plan

    def _has_room(self, stream: EngineStream) -> bool:
        """Whether its reader takes what is made."""
        if not stream.live:
            return True
        queue = samples_at(stream.plane.sample_rate, self._config.queue)
        coming = stream.waiting + stream.pipeline.index - stream.samples_made + stream.n
        return coming <= max(queue, stream.n)


def _plane(stream: EngineStream) -> int:
    return id(stream.plane)
