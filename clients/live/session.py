"""A live session: microphone → service → jitter buffer → loudspeaker, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..client import Client
from ..messages import SynthesisOptions
from ..resuming import Backoff
from ..timing import percentiles
from .call import BLOCK
from .devices import Device, opened
from .jitter import JitterBuffer
from .pace import Pace
from .relay import Relay

__all__ = ["Live", "Meters", "Tap"]

#: Seconds without a block after which a device is gone.
_DEVICE_TIMEOUT = 3.0
#: Seconds that a loudspeaker's own buffer holds at first.
_FIRST_BUFFER = 0.02
#: Seconds by which that buffer grows when it ran dry.
_BUFFER_STEP = 0.02
#: Seconds that it grows to, at most: all of them are latency.
_MAX_BUFFER = 0.2
#: Blocks after which a loudspeaker runs steadily: it may ask for the first ones long before it plays them.
_STEADY_AFTER = 20


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
    underflows: int = 0
    """Times that the loudspeaker's own buffer ran dry, for want of a core."""
    own_buffer: float = 0.0
    """Seconds that the loudspeaker's own buffer holds."""

    def observe(self, name: str, block: NDArray[np.float32]) -> None:
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
        options: SynthesisOptions,
        tap: Tap | None = None,
        max_seconds: float = 0.0,
        backoff: Backoff | None = None,
    ) -> None:
        """`max_seconds` is how long the service lets a call be; 0 if it does not say."""
        self._microphone, self._loudspeaker, self._tap = microphone, loudspeaker, tap
        tapped = {"filter_block": tap.microphone} if tap is not None else {}
        self.relay = Relay(
            client,
            voice,
            voice_rate,
            microphone.rate,
            options,
            self._deliver,
            max_seconds=max_seconds,
            backoff=backoff,
            **tapped,
        )
        self.buffer = JitterBuffer(voice_rate, loudspeaker.rate)
        self.meters = Meters()
        self.stop = threading.Event()
        self._last_block = {microphone: 0.0, loudspeaker: 0.0}
        self._playing: object = None  # which of the loudspeaker's streams plays
        self._second = 0.0
        self._started = time.monotonic()
        self._error: Exception | None = None

    def run(self, each: Callable[[], None] = lambda: None, seconds: float | None = None) -> None:
        """Speaks until `stop`, or for `seconds`; `each` is called ten times a second.

        Raises ServiceError, or OSError when a device is gone.
        """
        network = threading.Thread(target=self._network, name="wavesynth-live", daemon=True)
        with ExitStack() as stack:
            # First, since what the microphone hears before the loudspeaker plays would be too late.
            streams = {self._loudspeaker: self._loud(stack, _FIRST_BUFFER)}
            microphone = opened(self._microphone, round(BLOCK * self._microphone.rate), self._on_captured)
            streams[self._microphone] = microphone
            stack.callback(microphone.close, ignore_errors=True)
            stack.callback(self._finish, network)
            self._last_block[self._microphone] = time.monotonic()
            microphone.start()
            network.start()
            self._started = time.monotonic()
            end = None if seconds is None else time.monotonic() + seconds
            enlarged = 0
            while not self.stop.wait(0.1) and (end is None or time.monotonic() < end):
                each()
                if self._error is not None:
                    raise self._error
                if self.meters.underflows > enlarged:
                    enlarged = self.meters.underflows
                    streams[self._loudspeaker] = self._enlarged(streams[self._loudspeaker], stack)
                for device, stream in streams.items():
                    if not stream.active or time.monotonic() - self._last_block[device] > _DEVICE_TIMEOUT:
                        raise OSError(f"{device.called} is gone")

    def pace(self) -> Pace:
        """How it keeps up."""
        m = self.meters
        latency = percentiles(m.latencies)["p50"] / 1000 if m.latencies else 0.0
        faults = m.underflows + m.overflows
        return Pace(
            time.monotonic() - self._started, latency, self.buffer.underruns, faults, self.relay.service_rate
        )

    def _loud(self, stack: ExitStack, latency: float) -> Any:
        """A stream of the loudspeaker whose own buffer holds `latency` seconds, when it plays instead of any other."""
        device, which, blocks = self._loudspeaker, object(), 0

        def play(block: Any, frames: int, times: Any, status: Any) -> None:
            nonlocal blocks
            blocks += 1
            if blocks == _STEADY_AFTER:
                self._playing = which
            if self._playing is which:
                self._on_played(block, frames, times, status)
            else:
                block.fill(0)

        stream = opened(device, round(BLOCK * device.rate), play, latency)
        stack.callback(stream.close, ignore_errors=True)
        stream.start()
        begun = self._last_block[device] = time.monotonic()
        while (
            self._playing is not which
            and time.monotonic() - begun < _DEVICE_TIMEOUT
            and not self.stop.wait(0.01)
        ):
            pass
        self.meters.own_buffer = stream.latency
        return stream

    def _enlarged(self, stream: Any, stack: ExitStack) -> Any:
        """The loudspeaker anew, with a larger buffer of its own. Beside the old stream first, where the device lets us:
        a sound server to which nobody plays falls asleep for seconds.
        """
        latency = min(stream.latency + _BUFFER_STEP, _MAX_BUFFER)
        larger = None
        with suppress(OSError):
            larger = self._loud(stack, latency)
        stream.abort(ignore_errors=True)
        stream.close(ignore_errors=True)
        return larger or self._loud(stack, latency)

    def _finish(self, network: threading.Thread) -> None:
        self.stop.set()
        self.relay.stop()
        if network.is_alive():
            network.join(5)

    def _on_captured(self, block: Any, frames: int, _: Any, status: Any) -> None:
        """The microphone's callback."""
        now = self._last_block[self._microphone] = time.monotonic()
        self.meters.overflows += bool(status.input_overflow)
        captured = now - frames / self._microphone.rate
        samples = block[:, 0].copy()
        self.meters.observe("microphone", samples)
        self.relay.push(samples, captured)

    def _on_played(self, block: Any, frames: int, _: Any, status: Any) -> None:
        """The loudspeaker's callback."""
        now = self._last_block[self._loudspeaker] = time.monotonic()
        self.meters.underflows += bool(status.output_underflow)
        samples, index = self.buffer.pull(frames)
        block[:, 0] = samples
        if self._tap is not None:
            self._tap.loudspeaker(samples, now)
        self.meters.observe("loudspeaker", samples)
        if index is not None and (captured := self.relay.captured_at(index)) is not None:
            self.meters.latency = now - captured
            if now - self._second >= 1:
                self._second = now
                self.meters.latencies.append(self.meters.latency)

    def _deliver(self, samples: NDArray[np.float32], first_sample: int) -> None:
        """What came back from the service."""
        self.buffer.push(samples, first_sample)
        if self._tap is not None:
            self._tap.voice(samples)

    def _network(self) -> None:
        """Calls the service until it is told to stop."""
        try:
            self.relay.run()
        except Exception as error:
            self._error = error
