"""How fast images are made: with memory, and the naive way, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from wavesynth.images.sampling import Recomputed, params_from, sample
from wavesynth.models.images import image_model
from wavesynth.models.pixels import ImageModelConfig, PixelModel
from wavesynth.workers import threads as use_threads

__all__ = ["measure_images"]


def measure_images(
    config: ImageModelConfig, batch: int, naive_pixels: int, repeats: int, threads: int
) -> dict[str, str | int | float]:
    """Seconds for one image and for a batch with memory, and for one image by a full forward for each value.

    By the clock, and, where others use the machine too, by the processor's time of this process. Random weights.
    The naive way is measured over `naive_pixels` pixels, spread over the `repeats` turns that it takes with the
    other, and scaled to the whole image.
    """
    if not 1 <= naive_pixels <= config.height * config.width:
        raise ValueError(
            f"naive_pixels is {naive_pixels}; it must be from 1 to {config.height * config.width}"
        )
    torch.manual_seed(0)
    model = image_model(config).requires_grad_(False).eval()
    with use_threads(threads):
        cached, naive = [], []
        _cached(model, 1)  # warms up
        share = max(1, naive_pixels // repeats)
        for _ in range(repeats):
            cached.append(_timed(lambda: _cached(model, 1)))
            naive.append(_timed(lambda: _naive(model, share)))
        many = _timed(lambda: _cached(model, batch))
    scale = config.height * config.width / share
    one = [sorted(seconds)[len(cached) // 2] for seconds in zip(*cached, strict=True)]
    whole = [sum(seconds) / repeats * scale for seconds in zip(*naive, strict=True)]
    return {
        "variant": config.variant,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "size": f"{config.height} x {config.width} x {config.channels}, {config.levels} levels",
        "threads": threads,
        "naive_pixels_measured": share * repeats,
        "seconds_per_image": one[0],
        "processor_seconds_per_image": one[1],
        "naive_seconds_per_image": whole[0],
        "naive_processor_seconds_per_image": whole[1],
        "times_naive": whole[0] / one[0],
        "times_naive_by_processor": whole[1] / one[1],
        "batch": batch,
        "seconds_per_batch": many[0],
        "processor_seconds_per_batch": many[1],
    }


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock and by the processor's time."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def _labels(model: PixelModel, count: int) -> torch.Tensor | None:
    return torch.zeros(count, dtype=torch.long) if model.config.labels else None


def _cached(model: PixelModel, count: int) -> None:
    sample(model, params_from(0, count), _labels(model, count))


@torch.inference_mode()
def _naive(model: PixelModel, pixels: int) -> None:
    x = torch.zeros(1, *model.config.shape)
    memory = Recomputed(model, x, _labels(model, 1), whole=True)
    for place in range(pixels):
        memory.params(*divmod(place, model.config.width))
