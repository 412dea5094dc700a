"""What Prometheus is told of calls. What the engine does is in engine_metrics.py."""

from __future__ import annotations

import sys

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from wavesynth.server.outlet import Outlet

__all__ = ["Metrics"]

#: Bounds of the buckets, in seconds: of what a listener waits for,
_WAITS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.5, 1, 2, 5)
#: and of whole calls, which last up to an hour.
_CALLS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
#: Seconds of audio made in a second. Live audio is made about as fast as it is heard: what matters is near 1.
_FACTORS = (0.5, 0.8, 0.9, 0.95, 1, 1.05, 1.2, 1.5, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of the calls, in a registry of their own.

    No label has values that callers choose: a client counts by the name of its token, and a voice by that of one that
    is served.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        method, client = ["method"], ["client"]

        def counter(name: str, text: str, labels: list[str]) -> Counter:
            return Counter(f"wavesynth_{name}", text, labels, registry=registry)

        def histogram(
            name: str, text: str, buckets: tuple[float, ...], labels: list[str] | None = None
        ) -> Histogram:
            return Histogram(f"wavesynth_{name}", text, labels or [], buckets=buckets, registry=registry)

        self.calls = counter("calls", "Calls ended, by method and status code", ["method", "code"])
        self.open = Gauge(
            "wavesynth_calls_open", "Calls under way", method, registry=registry, multiprocess_mode="livesum"
        )
        self.duration = histogram("call_seconds", "From a call's begin to its end", _CALLS, method)
        self.refused = counter("refused", "Calls refused, by method and reason", ["method", "reason"])
        self.client_calls = counter(
            "client_calls", "Calls ended, by the token's name and code", ["client", "code"]
        )
        self.client_audio = counter(
            "client_audio_seconds", "Seconds of audio sent, by the token's name", client
        )
        self.samples = counter("samples", "Samples of audio handed to gRPC", ["voice"])
        self.characters = counter("text_characters", "Characters of text taken to be read aloud", ["voice"])
        self.scored = counter("scored_samples", "Samples of recordings that were scored", ["voice"])
        self.time_to_first_audio = histogram(
            "time_to_first_audio_seconds", "From the request to the first chunk", _WAITS
        )
        self.chunk_latency = histogram(
            "chunk_latency_seconds", "From a chunk's making until gRPC took it", _WAITS
        )
        self.chunk_gap = histogram(
            "chunk_gap_seconds", "From one message of a live answer to the next", _WAITS
        )
        self.real_time_factor = histogram(
            "real_time_factor", "Seconds of audio made in a second, of whole calls", _FACTORS, method
        )
        self.log_lines_dropped = Counter(
            "wavesynth_log_lines_dropped",
            "Lines of the log that nobody read, or that could not be written",
            registry=registry,
        )
        if isinstance(sys.stderr, Outlet):
            sys.stderr.count_lost(self.log_lines_dropped.inc)
