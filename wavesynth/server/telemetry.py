"""What the service says about itself: a line of JSON for each call. What it counts is in call_metrics.py."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from wavesynth.engine.stream import EngineOutput, Statistics
from wavesynth.server.outlet import outlets

if TYPE_CHECKING:
    from wavesynth.server.call_metrics import Metrics
    from wavesynth.server.tokens import Bearer
    from wavesynth.server.tracing import CallSpan

__all__ = ["Call", "log", "log_as_json", "log_left_out", "logging_aside"]


def log_as_json() -> None:
    """Sends this process's log to standard error, one JSON object a line: ours, and what libraries warn of."""
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(processors=processors, logger_factory=lambda *_: structlog.WriteLogger(sys.stderr))
    standard = logging.StreamHandler(sys.stderr)
    plain = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors]
    standard.setFormatter(structlog.stdlib.ProcessorFormatter(processors=plain))
    logging.basicConfig(handlers=[standard], level=logging.WARNING)


@contextmanager
def logging_aside() -> Iterator[None]:
    """Within, this process logs as JSON, and nobody waits until it is written (wavesynth.server.outlet)."""

    def report(lines: int) -> None:
        log(
            "lines of the log were dropped: they were not read, or could not be written",
            "warning",
            lines=lines,
        )

    with outlets(report):
        log_as_json()
        yield


def log(event: str, level: str = "info", **values: object) -> None:
    """Logs what happened. A log that nobody takes any more is no reason to fail."""
    with suppress(OSError, ValueError):
        getattr(structlog.get_logger(), level)(event, **values)


def log_left_out(reason: Exception) -> None:
    """Logs why a voice or a model of images is not served."""
    log("left out: it is broken", reason=str(reason))


@dataclass
class Call:
    """What is remembered of one call until it ends."""

    method: str
    metrics: Metrics
    request_id: str
    """What it is named by, here and by its caller."""
    caller: str = ""
    """The caller's address (`wavesynth.server.callers`)."""
    bearer: Bearer | None = None
    """Whose token the call has, if tokens have names."""
    sample_rate: int = 16000
    """Hertz, of its audio."""
    voice: str = ""
    samples: int = 0
    time_to_first_audio: float | None = None
    real_time_factor: float | None = None
    started: float = field(default_factory=time.monotonic)
    opened: float | None = None
    """When the engine had a place for it, in time.monotonic() seconds, like the times that follow."""
    first_sent: float | None = None
    last_sent: float | None = None
    last_made: float = 0.0
    messages: int = 0
    write_seconds: float = 0.0
    """Waited for the caller to take messages; counted where the call is traced."""
    statistics: Statistics | None = None
    """The engine's, once all is made."""
    span: CallSpan | None = None
    """Its trace, if calls are traced."""

    def begins(self) -> None:
        """Counts the call as one under way."""
        self.metrics.open.labels(self.method).inc()

    def sent(self, outputs: list[EngineOutput]) -> None:
        """Notes outputs that gRPC took."""
        now, metrics = time.monotonic(), self.metrics
        if self.last_sent is None:
            self.first_sent = now
        else:
            metrics.chunk_gap.observe(now - self.last_sent)
        self.last_sent, self.last_made = now, outputs[-1].made_at
        self.messages += 1
        for output in outputs:
            self.samples += len(output.samples)
            if self.bearer:
                self.bearer.heard(len(output.samples) / self.sample_rate)
            metrics.chunk_latency.observe(now - output.made_at)
            metrics.samples.labels(self.voice).inc(len(output.samples))
            if output.statistics:
                self.statistics = output.statistics
                self.time_to_first_audio = output.statistics.time_to_first_audio
                self.real_time_factor = output.statistics.real_time_factor
                metrics.time_to_first_audio.observe(output.statistics.time_to_first_audio)
                metrics.real_time_factor.labels(self.method).observe(output.statistics.real_time_factor)

    def read_aloud(self, characters: int) -> None:
        """Notes that so many characters of text were taken."""
        self.metrics.characters.labels(self.voice).inc(characters)

    def scored(self, samples: int) -> None:
        """Notes that so many samples of a recording were scored; they count as audio to a token's limit."""
        self.metrics.scored.labels(self.voice).inc(samples)
        if self.bearer:
            self.bearer.heard(samples / self.sample_rate)

    def ended(self, code: str, message: str, reason: str) -> None:
        """Counts and logs the call; `reason` is one of `RefusedError.reason`."""
        seconds, metrics = time.monotonic() - self.started, self.metrics
        metrics.open.labels(self.method).dec()
        metrics.calls.labels(self.method, code).inc()
        metrics.duration.labels(self.method).observe(seconds)
        if self.span is not None:
            self.span.end(self, code, message)
        if reason:
            metrics.refused.labels(self.method, reason).inc()
        if self.bearer:
            client = self.bearer.token.name
            metrics.client_calls.labels(client, code).inc()
            metrics.client_audio.labels(client).inc(self.samples / self.sample_rate)
        rounded = {
            name: round(value, 4)
            for name in ("time_to_first_audio", "real_time_factor")
            if (value := getattr(self, name)) is not None
        }
        log(
            "call",
            request_id=self.request_id,
            method=self.method,
            code=code,
            voice=self.voice,
            samples=self.samples,
            seconds=round(seconds, 4),
            **rounded,
            **({"client": self.bearer.token.name} if self.bearer else {}),
            **({"reason": message} if message else {}),
            **({"trace_id": self.span.trace_id} if self.span else {}),
        )
