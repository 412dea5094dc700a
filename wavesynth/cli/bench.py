"""`wavesynth bench`: how fast this machine is."""

from __future__ import annotations

from wavesynth.cli.lazy import group

__all__ = ["bench"]

bench = group(
    "Measure the engine, the service, training, images and GPUs.",
    {
        "engine": "bench_engine:engine",
        "service": "bench_service:service",
        "training": "bench_training:training",
        "image": "bench_image:image",
        "gpu": "bench_gpu:gpu",
        "host": "bench_host:host",
    },
)
