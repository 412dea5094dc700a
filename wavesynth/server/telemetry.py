"""What the service says about itself: a line of JSON for each call, and metrics for Prometheus."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from wavesynth.engine.stream import EngineOutput
from wavesynth.server.outlet import Outlet, outlets

if TYPE_CHECKING:
    from wavesynth.server.tokens import Bearer

__all__ = ["Call", "Metrics", "log", "log_as_json", "log_left_out", "logging_aside"]

#: Bounds of the buckets of the histograms, in seconds.
_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1, 2, 5)


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


class Metrics:
    """The service's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        calls = ("wavesynth_calls", "Calls ended, by method and status code", ["method", "code"])
        self.calls = Counter(*calls, registry=self.registry)
        refused = ("wavesynth_refused", "Calls for which there was no room", ["method"])
        self.refused = Counter(*refused, registry=self.registry)
        samples = ("wavesynth_samples", "Samples of audio handed to gRPC", ["voice"])
        self.samples = Counter(*samples, registry=self.registry)
        first = ("wavesynth_time_to_first_audio_seconds", "From the request to the first chunk")
        self.time_to_first_audio = Histogram(*first, buckets=_BUCKETS, registry=self.registry)
        chunk = ("wavesynth_chunk_latency_seconds", "From a chunk's making until gRPC took it")
        self.chunk_latency = Histogram(*chunk, buckets=_BUCKETS, registry=self.registry)
        dropped = (
            "wavesynth_log_lines_dropped",
            "Lines of the log that nobody read, or that could not be written",
        )
        self.log_lines_dropped = Counter(*dropped, registry=self.registry)
        if isinstance(sys.stderr, Outlet):
            sys.stderr.count_lost(self.log_lines_dropped.inc)


@dataclass
class Call:
    """What is remembered of one call until it ends."""

    method: str
    metrics: Metrics
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
    failure: str = ""
    """By what name the caller can ask for the words of a fault."""
    started: float = field(default_factory=time.monotonic)

    def sent(self, outputs: list[EngineOutput]) -> None:
        """Notes outputs that gRPC took."""
        now = time.monotonic()
        for output in outputs:
            self.samples += len(output.samples)
            if self.bearer:
                self.bearer.heard(len(output.samples) / self.sample_rate)
            self.metrics.chunk_latency.observe(now - output.made_at)
            self.metrics.samples.labels(self.voice).inc(len(output.samples))
            if output.statistics:
                self.time_to_first_audio = output.statistics.time_to_first_audio
                self.real_time_factor = output.statistics.real_time_factor
                self.metrics.time_to_first_audio.observe(output.statistics.time_to_first_audio)

    def ended(self, code: str, message: str) -> None:
        """Counts and logs the call."""
        self.metrics.calls.labels(self.method, code).inc()
        if code == "RESOURCE_EXHAUSTED":
            self.metrics.refused.labels(self.method).inc()
        rounded = {
            name: round(value, 4)
            for name in ("time_to_first_audio", "real_time_factor")
            if (value := getattr(self, name)) is not None
        }
        log(
            "call",
            method=self.method,
            code=code,
            voice=self.voice,
            samples=self.samples,
            seconds=round(time.monotonic() - self.started, 4),
            **rounded,
            **({"client": self.bearer.token.name} if self.bearer else {}),
            **({"reason": message} if message else {}),
            **({"failure": self.failure} if self.failure else {}),
        )
