"""A live session: microphone → service → jitter buffer → loudspeaker, until it is told to stop."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..client import Client
from ..errors import BusyError, InvalidRequestError, ServiceError, UnavailableError
from ..messages import Manner
from ..resuming import Backoff
from .devices import Device, opened
from .jitter import JitterBuffer

__all__ = ["Live", "Meters", "Tap"]

#: Seconds of a block of either device; without a block after which a device is gone; that the microphone may be
#: ahead of the service, beyond which the oldest is dropped: to be late for good is worse than a gap.
_BLOCK, _GONE, _AHEAD = 0.005, 3.0, 0.5


class Tap(Protocol):
    """Sees all audio: what is written to files, or measured. Called on the devices' and the network's threads."""

    def microphone(self, block: NDArray[np.float32], captured: float) -> NDArray[np.float32]:
        """The block that is sent instead of one whose first sample was captured at that time.monotonic()."""

    def voice(self, samples: NDArray[np.float32]) -> None:
        """What came back."""

    def loudspeaker(self, block: NDArray[np.float32], played: float) -> None:
        """What was handed over to be played, from that time.monotonic() on."""


@dataclass
class Meters:
    """How the session goes."""

    microphone: float = 0.0
    """Largest sample of late, within 1."""
    loudspeaker: float = 0.0
    latency: float = 0.0
    """Seconds from the microphone to the loudspeaker, the devices' own buffers not counted."""
    latencies: list[float] = field(default_factory=list)
    """One each second."""
    overflows: int = 0
    """Blocks that the microphone's driver lost."""
    interruptions: int = 0
    """Times that the service was lost and found again."""
    connected: bool = False

    def hear(self, name: str, block: NDArray[np.float32]) -> None:
        """Moves a level meter: up at once, down slowly."""
        setattr(self, name, max(float(np.abs(block).max(initial=0.0)), 0.95 * getattr(self, name)))


class Live:
    """One session; `run` blocks until `stop` is set. `tap` sees, and may replace, what is heard."""

    def __init__(
        self,
        client: Client,
        voice: str,
        voice_rate: int,
        microphone: Device,
        loudspeaker: Device,
        manner: Manner,
        tap: Tap | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._client, self._voice, self._manner, self._tap = client, voice, manner, tap
        self._microphone, self._loudspeaker = microphone, loudspeaker
        self._backoff = backoff or Backoff()
        self.buffer = JitterBuffer(voice_rate, loudspeaker.rate)
        self.meters = Meters()
        self.stop = threading.Event()
        self._blocks: queue.Queue[tuple[NDArray[np.float32], float] | None] = queue.Queue()
        self._captured: deque[tuple[int, float]] = deque(maxlen=4096)  # source index of a block, and when
        self._scale = voice_rate / microphone.rate
        self._beats = {microphone: 0.0, loudspeaker: 0.0}
        self._second = 0.0
        self._error: Exception | None = None

    def run(self, each: Callable[[], None] = lambda: None, seconds: float | None = None) -> None:
        """Speaks until `stop`, or for `seconds`; `each` is called ten times a second.

        Raises ServiceError, or OSError when a device is gone.
        """
        network = threading.Thread(target=self._network, name="wavesynth-live", daemon=True)
        with ExitStack() as stack:
            streams = {}
            for device, callback in ((self._loudspeaker, self._play), (self._microphone, self._hear)):
                streams[device] = opened(device, round(_BLOCK * device.rate), callback)
                stack.callback(streams[device].close, ignore_errors=True)
            stack.callback(self._finish, network)
            for device, stream in streams.items():
                self._beats[device] = time.monotonic()
                stream.start()
            network.start()
            end = None if seconds is None else time.monotonic() + seconds
            while not self.stop.wait(0.1) and (end is None or time.monotonic() < end):
                each()
                if self._error is not None:
                    raise self._error
                for device, stream in streams.items():
                    if not stream.active or time.monotonic() - self._beats[device] > _GONE:
                        raise OSError(f"{device.called} is gone")

    def _finish(self, network: threading.Thread) -> None:
        self.stop.set()
        self._blocks.put(None)
        if network.is_alive():
            network.join(5)

    def _hear(self, block: Any, frames: int, _: Any, status: Any) -> None:
        """The microphone's callback."""
        now = self._beats[self._microphone] = time.monotonic()
        self.meters.overflows += bool(status.input_overflow)
        captured = now - frames / self._microphone.rate
        samples = block[:, 0].copy()
        self.meters.hear("microphone", samples)
        if self.meters.connected:
            if self._blocks.qsize() * _BLOCK > _AHEAD:
                self._blocks.get()
            self._blocks.put((samples, captured))

    def _play(self, block: Any, frames: int, _: Any, status: Any) -> None:
        """The loudspeaker's callback."""
        now = self._beats[self._loudspeaker] = time.monotonic()
        samples, index = self.buffer.pull(frames)
        block[:, 0] = samples
        if self._tap is not None:
            self._tap.loudspeaker(samples, now)
        self.meters.hear("loudspeaker", samples)
        if index is not None and (captured := self._captured_at(index)) is not None:
            self.meters.latency = now - captured
            if now - self._second >= 1:
                self._second = now
                self.meters.latencies.append(self.meters.latency)

    def _captured_at(self, index: int) -> float | None:
        """When the source's sample of that index was captured."""
        while len(self._captured) > 1 and self._captured[1][0] <= index:
            self._captured.popleft()
        if not self._captured or self._captured[0][0] > index:
            return None
        first, when = self._captured[0]
        return when + (index - first) / (self._scale * self._microphone.rate)

    def _network(self) -> None:
        """Calls the service, again whenever it was lost."""
        attempt, lost = 0, time.monotonic()
        begun = False
        while not self.stop.is_set():
            heard = 0
            try:
                self._captured.clear()
                self.meters.connected = True
                manner: Manner = {**self._manner, "sample_rate": self._microphone.rate}
                call = self._client.resynthesize(self._pieces(), self._voice, resume=False, **manner)
                for chunk in call.chunks():
                    self.buffer.push(chunk.samples, chunk.first_sample)
                    if self._tap is not None:
                        self._tap.voice(chunk.samples)
                    heard += len(chunk.samples)
                    begun, attempt, lost = True, 0, time.monotonic()
            except ServiceError as error:
                self.meters.connected = False
                if self.stop.is_set():
                    return
                # A service ends a call that is as long as it allows; then the next one begins.
                again = isinstance(error, UnavailableError | BusyError) if not heard else not _ours(error)
                if not (begun and again) or time.monotonic() - lost > self._backoff.patience:
                    self._error = error
                    return
                self.meters.interruptions += heard > 0
                self.stop.wait(self._backoff.wait(attempt))
                attempt += 1
            except Exception as error:
                self._error = error
                return

    def _pieces(self) -> Iterator[NDArray[np.float32]]:
        """The microphone's blocks for one call, those that wait already aside."""
        while not self._blocks.empty():
            self._blocks.get()
        index = 0
        while (next_block := self._blocks.get()) is not None:
            block, captured = next_block
            self._captured.append((round(index * self._scale), captured))
            if self._tap is not None:
                block = self._tap.microphone(block, captured)
            index += len(block)
            yield block


def _ours(error: ServiceError) -> bool:
    """Whether a call that went on for a while ended for a reason that the next one would meet too."""
    return not isinstance(error, UnavailableError | BusyError | InvalidRequestError)
