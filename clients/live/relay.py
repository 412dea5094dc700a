"""From the microphone to the service and back, over as many calls as it takes.

A service bounds how long a call may be. Well before that the next call begins, with the microphone's last moments to
begin with, so that its voice remembers what the old one does, and catches up with it; then the old one fades into it:

    old   ────────────────────────╲·····      its last chunk that is heard fades out
    next        (history)·········╱──────     what it makes until it has caught up is not heard

Positions are samples at the voice's rate since the beginning of the session, whatever call they are from. One thread,
`run`, does it all; the microphone and the calls put what they have into its inbox.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..client import Client
from ..crossfade import crossfade
from ..errors import BusyError, InvalidRequestError, ServiceError, UnavailableError
from ..messages import Chunk, SynthesisOptions
from ..resuming import Backoff

__all__ = ["BLOCK", "Relay"]

#: Seconds of a block of the microphone.
BLOCK = 0.005
#: Seconds that the microphone may be ahead of the service. Beyond, the oldest is dropped: to be late for good is worse
#: than a gap.
_AHEAD = 0.5
#: Seconds before a call's limit at which the next call begins, at most.
_BEFORE = 30.0
#: Seconds of the past that the next call begins with.
_HISTORY = 0.5
#: Seconds until a next call that was refused is tried again.
_AGAIN = 1.0

Samples = NDArray[np.float32]


class Relay:
    """Sends the blocks that `hear` is given; `deliver` gets what comes back, with the position of its first sample.

    `sent` sees each block before it is sent, with the time at which it was captured, and says what is sent instead.
    """

    def __init__(
        self,
        client: Client,
        voice: str,
        voice_rate: int,
        rate: int,
        manner: SynthesisOptions,
        deliver: Callable[[Samples, int], None],
        sent: Callable[[Samples, float], Samples] = lambda block, captured: block,
        max_seconds: float = 0.0,
        backoff: Backoff | None = None,
    ) -> None:
        """`max_seconds` is how long the service lets a call be; 0 if it does not say."""
        self._client, self._voice, self._rate, self._manner = client, voice, rate, manner
        self._scale = voice_rate / rate
        self._deliver, self._sent = deliver, sent
        self._enough = max(max_seconds - _BEFORE, max_seconds / 2) or float("inf")
        self._backoff = backoff or Backoff()
        self._inbox: queue.SimpleQueue[tuple[_Call | None, object]] = queue.SimpleQueue()
        self._position = 0  # of the next block, in the microphone's samples
        self._heard = 0  # the position of the next sample that is delivered, or further
        self._history: deque[tuple[int, Samples]] = deque()
        self._captured: deque[tuple[int, float]] = deque(maxlen=4096)
        self._current: _Call
        self._next: _Call | None = None
        self._not_before = 0.0
        self._stop = threading.Event()
        self._lost, self._attempt, self._begun = 0.0, 0, False
        self.connected = False
        self.interruptions = 0
        """Times that the service was lost and found again."""
        self.calls = 0
        self._made, self._making = 0, 0.0  # samples after each call's first chunk, and the seconds they took

    @property
    def service_rate(self) -> float:
        """Seconds of audio that came back in a second, once it had begun to come."""
        return self._made / (self._scale * self._rate) / self._making if self._making else 1.0

    def hear(self, block: Samples, captured: float) -> None:
        """Takes the microphone's next block, whose first sample was captured at that time.monotonic()."""
        self._inbox.put((None, (block, captured)))

    def stop(self) -> None:
        """Makes `run` return."""
        self._stop.set()
        self._inbox.put((None, None))

    def captured_at(self, position: int) -> float | None:
        """When the sample at a position was captured; positions must not fall."""
        captured = self._captured
        while len(captured) > 1 and captured[1][0] <= position:
            captured.popleft()
        if not captured or captured[0][0] > position:
            return None
        first, when = captured[0]
        return when + (position - first) / (self._scale * self._rate)

    def run(self) -> None:
        """Relays until `stop`. Raises ServiceError, or what `deliver` and `sent` raise."""
        self._lost = time.monotonic()
        self._current = self._open([])
        try:
            while not self._stop.is_set():
                call, what = self._inbox.get()
                if call is None and what is not None:
                    self._hear(*what)  # type: ignore[misc]
                elif call is self._current and isinstance(what, Chunk):
                    self._play(what)
                elif call is self._current and not self._stop.is_set():
                    self._ended(what)
                elif call is not None and call is self._next:
                    self._prepare(what)
        finally:
            for call in (self._current, self._next):
                if call is not None:
                    call.close()

    def _open(self, history: list[tuple[int, Samples]]) -> _Call:
        self.connected = True
        self.calls += 1
        first = sum(len(block) for _, block in history)
        manner: SynthesisOptions = {
            **self._manner,
            "sample_rate": self._rate,
            "first_sample": round(first * self._scale),
        }
        return _Call(self._client, self._voice, manner, self._scale, history, self._inbox)

    def _hear(self, block: Samples, captured: float) -> None:
        if captured < self._current.began - len(block) / self._rate:  # it waited while there was no service
            return
        block = self._sent(block, captured)
        position, self._position = self._position, self._position + len(block)
        self._captured.append((round(position * self._scale), captured))
        self._history.append((position, block))
        while self._position - self._history[0][0] > _HISTORY * self._rate:
            self._history.popleft()
        for call in (self._current, self._next):
            if call is not None:
                call.push(position, block)
        long = self._current.pushed > self._enough * self._rate
        if long and self._next is None and time.monotonic() > self._not_before:
            self._next = self._open(list(self._history))

    def _play(self, chunk: Chunk) -> None:
        """A chunk of the call that is heard; the last one, if the next call has caught up with it."""
        now = time.monotonic()
        if self._current.heard:
            self._made += len(chunk.samples)
            self._making += now - self._lost
        self._begun, self._attempt, self._lost = True, 0, now
        self._current.heard = True
        first, samples = self._current.position(chunk.first_sample), chunk.samples
        if self._next is not None:
            self._next.forget(first)
            if (into := self._next.take(first, len(samples))) is not None:
                both = (piece.astype(np.float64) for piece in (samples, into))
                self._give(crossfade(*both).astype(np.float32), first)
                self._promote()
                return
        self._give(samples, first)

    def _give(self, samples: Samples, first: int) -> None:
        """Delivers what was not heard yet: a call that had to take over before it caught up repeats some."""
        past = max(0, self._heard - first)
        if past < len(samples):
            self._heard = first + len(samples)
            self._deliver(samples[past:], first + past)

    def _promote(self) -> None:
        """The next call is the one that is heard, from what it has made on."""
        assert self._next is not None
        self._current.close()
        self._current, self._next = self._next, None
        self._current.heard = True
        self._give(self._current.made, self._current.made_from)

    def _prepare(self, what: object) -> None:
        """What came of the call that is not heard yet: a chunk to keep, or its end before it began."""
        assert self._next is not None
        if isinstance(what, Chunk):
            self._next.keep(what)
        else:
            self._next, self._not_before = None, time.monotonic() + _AGAIN

    def _ended(self, error: object) -> None:
        """The call that is heard is over: the next one takes its place, or a new one, or that was all."""
        if self._next is not None and isinstance(error, InvalidRequestError):
            self._promote()
            return
        if isinstance(error, ServiceError):
            heard = self._current.heard
            # That nothing came for a while is how a lost path shows: the patience is for what follows.
            if heard:
                self._lost = time.monotonic()
            again = isinstance(error, UnavailableError | BusyError) if not heard else not _ours(error)
            if not (self._begun and again) or time.monotonic() - self._lost > self._backoff.patience:
                raise error
            self.interruptions += heard
        elif isinstance(error, Exception):
            raise error
        self.connected = False
        if self._next is not None:
            self._next.close()
            self._next = None
        self._stop.wait(self._backoff.wait(self._attempt))
        self._attempt += 1
        self._current = self._open([])


class _Call:
    """One call, on a thread of its own; puts its chunks, and at last its error or None, into the inbox."""

    def __init__(
        self,
        client: Client,
        voice: str,
        manner: SynthesisOptions,
        scale: float,
        history: list[tuple[int, Samples]],
        inbox: queue.SimpleQueue[tuple[_Call | None, object]],
    ) -> None:
        self._scale, self._inbox = scale, inbox
        self._blocks: queue.SimpleQueue[tuple[int, Samples] | None] = queue.SimpleQueue()
        self._shifts = [(0, 0)]  # from this sample of the call on, so much further in the session
        self._most = round(_AHEAD / BLOCK)
        self.began = time.monotonic()
        self.pushed = 0
        """The microphone's samples that it was given."""
        self.heard = False
        self.made = np.zeros(0, np.float32)
        """What it made that was not heard yet, for one that is not heard yet."""
        self.made_from = 0
        """Its position."""
        if history:  # as one message: a hundred at once would keep the service from the call that is heard
            self.push(history[0][0], np.concatenate([block for _, block in history]))
        self._call = client.resynthesize(self._pieces(), voice, resume=False, **manner)
        threading.Thread(target=self._receive, name="wavesynth-live", daemon=True).start()

    def push(self, position: int, block: Samples) -> None:
        """Gives it the block at a position in the microphone's samples."""
        self.pushed += len(block)
        self._blocks.put((position, block))
        if self._blocks.qsize() > self._most:
            self._blocks.get()

    def position(self, sample: int) -> int:
        """Where in the session a sample of the call is."""
        shift = next(more for at, more in reversed(self._shifts) if at * self._scale <= sample)
        return sample + round(shift * self._scale)

    def keep(self, chunk: Chunk) -> None:
        """Adds to what it made."""
        first = self.position(chunk.first_sample)
        if first != self.made_from + len(self.made):
            self.made, self.made_from = self.made[:0], first
        self.made = np.concatenate([self.made, chunk.samples])

    def forget(self, position: int) -> None:
        """Drops what it made before a position."""
        past = min(max(0, position - self.made_from), len(self.made))
        self.made, self.made_from = self.made[past:], self.made_from + past

    def take(self, position: int, count: int) -> Samples | None:
        """What it made at a position, if it is there already."""
        if self.made_from > position or self.made_from + len(self.made) < position + count:
            return None
        self.forget(position)
        taken = self.made[:count]
        self.forget(position + count)
        return taken

    def close(self) -> None:
        """Ends it; nobody looks at what else it puts into the inbox."""
        self._blocks.put(None)
        self._call.close()

    def _pieces(self) -> Iterator[Samples]:
        sent = 0
        while (item := self._blocks.get()) is not None:
            position, block = item
            if position - sent != self._shifts[-1][1]:  # some were dropped, or it is the first
                self._shifts.append((sent, position - sent))
            sent += len(block)
            yield block

    def _receive(self) -> None:
        try:
            for chunk in self._call.chunks():
                self._inbox.put((self, chunk))
            self._inbox.put((self, None))
        except Exception as error:
            self._inbox.put((self, error))


def _ours(error: ServiceError) -> bool:
    """Whether a call that went on for a while ended for a reason that the next one would meet too."""
    return not isinstance(error, UnavailableError | BusyError | InvalidRequestError)
