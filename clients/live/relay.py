"""From the microphone to the service and back, over as many calls as it takes.

A service bounds how long a call may be. Well before that the next call begins. Its first input is the microphone's last
half second, so that its voice remembers what the old call's does. When the next call has caught up, the old one fades
into it:

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
from collections.abc import Callable

import numpy as np

from wavesynth.audio.crossfade import crossfade

from ..client import Client
from ..errors import BusyError, InvalidRequestError, ServiceError, UnavailableError
from ..messages import Chunk, SynthesisOptions
from ..resuming import Backoff
from .call import Inbox, LiveCall, Samples

__all__ = ["Relay"]

#: Seconds before a call's limit at which the next call begins, at most.
_HANDOVER_LEAD = 30.0
#: Seconds of the past that the next call begins with: more than any voice's receptive field.
_HISTORY = 0.5
#: Seconds until a next call that was refused is tried again.
RETRY_AFTER = 1.0


class Relay:
    """Sends the blocks that it is given; `deliver` gets what comes back, with the position of its first sample.

    `filter_block` sees each block before it is sent, with the time at which it was captured, and returns what is sent
    instead.
    """

    def __init__(
        self,
        client: Client,
        voice: str,
        voice_rate: int,
        rate: int,
        options: SynthesisOptions,
        deliver: Callable[[Samples, int], None],
        filter_block: Callable[[Samples, float], Samples] = lambda block, captured: block,
        max_seconds: float = 0.0,
        backoff: Backoff | None = None,
    ) -> None:
        """`rate` is the microphone's, in hertz; `max_seconds` is how long the service lets a call be, 0 if unknown."""
        self._client, self._voice, self._rate, self._options = client, voice, rate, options
        self._scale = voice_rate / rate
        self._deliver, self._filter_block = deliver, filter_block
        self._handover_after = max(max_seconds - _HANDOVER_LEAD, max_seconds / 2) or float("inf")  # seconds
        self._backoff = backoff or Backoff()
        self._inbox: Inbox = queue.SimpleQueue()
        self._position = 0  # of the next block, in the microphone's samples
        self._delivered = 0  # the position of the next sample that is delivered, or further
        self._history: deque[tuple[int, Samples]] = deque()
        self._captured: deque[tuple[int, float]] = deque(maxlen=4096)
        self._current: LiveCall
        self._next: LiveCall | None = None
        self._retry_at = 0.0  # time.monotonic() before which no next call is tried
        self._stop = threading.Event()
        self._last_audio = 0.0  # time.monotonic() of the last chunk, or of the loss that is being mended
        self._attempt = 0
        self._any_audio = False
        self.connected = False
        self.interruptions = 0
        """Times that the service was lost and found again."""
        self.calls = 0
        # Of the chunks after each call's first: samples, and the seconds that they took.
        self._received_samples = 0
        self._receiving_seconds = 0.0

    @property
    def service_rate(self) -> float:
        """Seconds of audio that came back in a second, once it had begun to come."""
        if not self._receiving_seconds:
            return 1.0
        return self._received_samples / (self._scale * self._rate) / self._receiving_seconds

    @property
    def handing_over(self) -> bool:
        """Whether a next call is there, and has not caught up yet."""
        return self._next is not None

    def push(self, block: Samples, captured: float) -> None:
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
        """Relays until `stop`. Raises ServiceError, or what `deliver` and `filter_block` raise."""
        self._last_audio = time.monotonic()
        self._current = self._open([])
        try:
            while not self._stop.is_set():
                call, item = self._inbox.get()
                if call is None and item is not None:
                    self._send(*item)  # type: ignore[misc]
                elif call is self._current and isinstance(item, Chunk):
                    self._receive(item)
                elif call is self._current and not self._stop.is_set():
                    self._ended(item)
                elif call is not None and call is self._next:
                    self._prepare(item)
        finally:
            for call in (self._current, self._next):
                if call is not None:
                    call.close()

    def _open(self, history: list[tuple[int, Samples]]) -> LiveCall:
        self.connected = True
        self.calls += 1
        first = sum(len(block) for _, block in history)
        options: SynthesisOptions = {
            **self._options,
            "sample_rate": self._rate,
            "first_sample": round(first * self._scale),
        }
        return LiveCall(self._client, self._voice, options, self._scale, history, self._inbox)

    def _send(self, block: Samples, captured: float) -> None:
        """A block of the microphone to the calls; the next call begins when this one has become long."""
        if captured < self._current.began - len(block) / self._rate:  # it waited while there was no service
            return
        block = self._filter_block(block, captured)
        position, self._position = self._position, self._position + len(block)
        self._captured.append((round(position * self._scale), captured))
        self._history.append((position, block))
        while self._position - self._history[0][0] > _HISTORY * self._rate:
            self._history.popleft()
        for call in (self._current, self._next):
            if call is not None:
                call.push(position, block)
        long = self._current.pushed > self._handover_after * self._rate
        if long and self._next is None and time.monotonic() > self._retry_at:
            self._next = self._open(list(self._history))

    def _receive(self, chunk: Chunk) -> None:
        """A chunk of the call that is heard; the last one, if the next call has caught up with it."""
        now = time.monotonic()
        if self._current.audible:
            self._received_samples += len(chunk.samples)
            self._receiving_seconds += now - self._last_audio
        self._any_audio, self._attempt, self._last_audio = True, 0, now
        self._current.audible = True
        first, samples = self._current.position(chunk.first_sample), chunk.samples
        if self._next is not None:
            self._next.drop_before(first)
            if (into := self._next.take(first, len(samples))) is not None:
                both = (piece.astype(np.float64) for piece in (samples, into))
                self._pass_on(crossfade(*both).astype(np.float32), first)
                self._promote()
                return
        self._pass_on(samples, first)

    def _pass_on(self, samples: Samples, first: int) -> None:
        """Delivers what was not delivered yet: a call that had to take over before it caught up repeats some."""
        past = max(0, self._delivered - first)
        if past < len(samples):
            self._delivered = first + len(samples)
            self._deliver(samples[past:], first + past)

    def _promote(self) -> None:
        """The next call is the one that is heard, from what it has pending on."""
        assert self._next is not None
        self._current.close()
        self._current, self._next = self._next, None
        self._current.audible = True
        self._pass_on(self._current.pending, self._current.pending_from)

    def _prepare(self, item: object) -> None:
        """What came of the call that is not heard yet: a chunk to keep, or its end before it began."""
        assert self._next is not None
        if isinstance(item, Chunk):
            self._next.keep(item)
        else:
            self._next, self._retry_at = None, time.monotonic() + RETRY_AFTER

    def _ended(self, error: object) -> None:
        """The call that is heard is over: the next one takes its place, or a new one, or the session ends."""
        if self._next is not None and isinstance(error, InvalidRequestError):
            self._promote()
            return
        if isinstance(error, ServiceError):
            audible = self._current.audible
            # That nothing came for a while is how a lost path shows: the patience is for what follows.
            if audible:
                self._last_audio = time.monotonic()
            again = isinstance(error, UnavailableError | BusyError) if not audible else not _recurs(error)
            patience_is_over = time.monotonic() - self._last_audio > self._backoff.patience
            if not (self._any_audio and again) or patience_is_over:
                raise error
            self.interruptions += audible
        elif isinstance(error, Exception):
            raise error
        self.connected = False
        if self._next is not None:
            self._next.close()
            self._next = None
        self._stop.wait(self._backoff.wait(self._attempt))
        self._attempt += 1
        self._current = self._open([])


def _recurs(error: ServiceError) -> bool:
    """Whether a call that went on for a while ended for a reason that the next one would meet too."""
    return not isinstance(error, UnavailableError | BusyError | InvalidRequestError)
