"""What Prometheus is told of the engine: read when it asks, so that a step costs nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from wavesynth.engine.counts import STEP_BOUNDS
from wavesynth.engine.engine import Engine

__all__ = ["watch_engine"]


def watch_engine(registry: CollectorRegistry, engine: Engine) -> None:
    """Adds the engine's figures to a registry."""
    registry.register(_EngineCollector(engine))


class _EngineCollector(Collector):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> Iterator[Metric]:
        """Nothing: the names are not looked at before there is an engine."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All figures."""
        engine, counts = self._engine, self._engine.counts
        yield GaugeMetricFamily("wavesynth_streams_live", "Live streams that are open", engine.live)
        yield GaugeMetricFamily("wavesynth_streams_offline", "Offline streams that are open", engine.offline)
        yield GaugeMetricFamily("wavesynth_streams_ready", "Streams that wait for a worker", engine.ready)
        real_time = GaugeMetricFamily(
            "wavesynth_places",
            "Live streams of a voice alone, with input in real time, that there is room for",
            labels=["voice"],
        )
        ahead = GaugeMetricFamily(
            "wavesynth_places_ahead",
            "Live streams of a voice alone, made ahead of their listeners, that there is room for",
            labels=["voice"],
        )
        for voice in engine.voices:
            real_time.add_metric([voice], engine.capacity.streams(voice))
            ahead.add_metric([voice], engine.capacity.streams(voice, ahead=True))
        yield real_time
        yield ahead
        yield GaugeMetricFamily("wavesynth_load", "Part of the places that live streams take", engine.load)
        yield GaugeMetricFamily(
            "wavesynth_room", "Part of the places that live streams may take now", engine.room
        )
        yield GaugeMetricFamily("wavesynth_workers", "Threads that make audio", engine.config.workers)
        for name, text, value in (
            ("wavesynth_steps", "Steps that workers have made", counts.steps),
            ("wavesynth_step_streams", "Streams in these steps", counts.streams),
            (
                "wavesynth_step_seconds",
                "Seconds of these steps, of all workers together",
                counts.step_seconds,
            ),
            ("wavesynth_chunks", "Chunks of live streams, without each one's first", counts.chunks),
            ("wavesynth_chunks_late", "Of these, those more than 10 ms after they were due", counts.late),
        ):
            yield CounterMetricFamily(name, text, value)
        bounds = [*map(str, STEP_BOUNDS), "+Inf"]
        yield HistogramMetricFamily(
            "wavesynth_step_duration_seconds",
            "Seconds that a step takes",
            list(zip(bounds, accumulate(counts.step_buckets), strict=True)),
            counts.step_seconds,
        )
