"""A causal CNN or an RNN for images: PixelCNN, Gated PixelCNN, Row LSTM and Diagonal BiLSTM on the same data.

    python -m experiments.image_comparison experiments/image_comparison.toml --minutes 10 --out out

Found: in ten minutes of one core the Row LSTM learns most (86.4 nats an image of binary MNIST). The plain PixelCNN
comes next (88.8). The Diagonal BiLSTM has not caught up (93.3); in 45 minutes it has (81.2). Convolutions are up to
ninety times as fast to sample from (docs/lab/2026-11-25-image-networks.md).

Trains the four one after the other for the same time and writes OUT/image-comparison.md and image-comparison.png.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from experiments import results
from wavesynth.evaluation.images import likelihood_of, receptive_field
from wavesynth.evaluation.pictures import grid
from wavesynth.images.sampling import params_from, sample
from wavesynth.models.images import NETWORKS, image_model
from wavesynth.models.pixels import Variant, intensities
from wavesynth.training.images import ImageConfiguration, ImageTask, fixed_images
from wavesynth.training.run import read_run
from wavesynth.workers import threads, worker_pool

__all__ = ["Compared", "compare_variant"]

_TITLES = {
    "parameters": "parameters",
    "steps": "steps",
    "epoch_seconds": "epoch (s)",
    "nats": "test (nats/image)",
    "bits_per_dim": "test (bits/dim)",
    "sampling_seconds": "one image (s)",
    "peak_memory_mb": "peak memory (MB)",
    "receptive_pixels": "context (pixels)",
}


@dataclass(frozen=True)
class Compared:
    """What one variant came to."""

    variant: str
    parameters: int
    steps: int
    training_seconds: float
    epoch_seconds: float
    """By the clock, for as many images as the training set has."""
    nats: float
    bits_per_dim: float
    images: int
    sampling_seconds: float
    """For one image, by the fastest way there is for this variant."""
    peak_memory_mb: float
    """Of the whole process, while it trained."""
    receptive_pixels: int
    """Of the image's middle pixel; the earlier pixels that there are, are the most."""
    earlier_pixels: int


def compare_variant(
    configuration: ImageConfiguration,
    variant: Variant,
    seconds: float,
    images: int,
) -> tuple[Compared, list[tuple[float, float]], Tensor, Tensor]:
    """Trains one variant for so long, in this process, and measures it on so many images of the test set.

    The memory figure is the process's peak: call it in a process of its own. Returns also (seconds, nats of a
    batch) of each step, the receptive field [H, W], and 16 images [16, H, W, C].
    """
    model_config = replace(configuration.model, variant=variant)
    configuration = replace(configuration, model=model_config)
    torch.manual_seed(configuration.training.seed)
    model = image_model(model_config)
    seen = receptive_field(model, model_config.height // 2, model_config.width // 2)
    task = ImageTask(model, configuration)
    curve, steps, spent = _train(task, configuration, seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    model.requires_grad_(False).eval()
    test = fixed_images(model_config, configuration.data, "test")
    some = replace(
        test, images=test.images[:images], labels=None if test.labels is None else test.labels[:images]
    )
    likelihood = likelihood_of(model, some)
    labels = torch.arange(16) % model_config.labels if model_config.labels else None
    start = time.perf_counter()
    with threads():
        sample(model, params_from(0, 1), None if labels is None else labels[:1])
        sampling = time.perf_counter() - start
        drawn = sample(model, params_from(1, 16), labels)
    compared = Compared(
        variant=variant,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        steps=steps,
        training_seconds=spent,
        epoch_seconds=spent / steps * len(task.training) / configuration.training.batch_size,
        nats=likelihood.nats,
        bits_per_dim=likelihood.bits_per_dim,
        images=likelihood.images,
        sampling_seconds=sampling,
        peak_memory_mb=peak,
        receptive_pixels=int(seen.sum()),
        earlier_pixels=model_config.height // 2 * model_config.width + model_config.width // 2,
    )
    return compared, curve, seen, drawn


def _train(
    task: ImageTask, configuration: ImageConfiguration, seconds: float
) -> tuple[list[tuple[float, float]], int, float]:
    """Plain steps until the time is over; a trainer's warm-up, but neither its decay nor its averaging."""
    c = configuration.training
    optimizer = torch.optim.AdamW(task.model.parameters(), betas=c.betas, weight_decay=c.weight_decay)
    dimensions = configuration.model.dimensions
    curve: list[tuple[float, float]] = []
    start = time.perf_counter()
    step = 0
    while step == 0 or time.perf_counter() - start < seconds:
        for group in optimizer.param_groups:
            group["lr"] = c.learning_rate * min(1.0, (step + 1) / max(1, c.warmup_steps))
        batch = task.batch(torch.Generator().manual_seed(c.seed + step), c.batch_size)
        with torch.autocast("cpu", torch.bfloat16, enabled=c.precision == "bf16"):
            loss = task.loss(task.model, *batch).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(task.model.parameters(), c.clip)
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        curve.append((time.perf_counter() - start, float(loss.detach()) * dimensions))
    return curve, step, time.perf_counter() - start


def _table(compared: list[Compared]) -> str:
    lines = [f"| | {' | '.join(_TITLES.values())} |", f"|---|{'---:|' * len(_TITLES)}"]
    for one in compared:
        values = [getattr(one, name) for name in _TITLES]
        cells = [f"{value:,}" if isinstance(value, int) else f"{value:,.3f}" for value in values]
        lines.append(f"| {one.variant} | {' | '.join(cells)} |")
    first = compared[0]
    lines.append(
        f"\nContext: of the {first.earlier_pixels} pixels before the image's middle one. "
        f"{first.images:,} test images. Peak memory is the whole process's."
    )
    return "\n".join(lines) + "\n"


def _plot(found: dict, levels: int) -> Figure:
    """Loss against minutes above, then each network's receptive field and four of its images."""
    figure = Figure(figsize=(2.6 * len(found), 8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.add_gridspec(3, len(found), height_ratios=(1.3, 1, 1))
    losses = figure.add_subplot(rows[0, :])
    lowest = min(nats for _, curve, _, _ in found.values() for _, nats in curve)
    for column, (variant, (_, curve, seen, images)) in enumerate(found.items()):
        seconds, nats = np.array(curve).T
        width = max(1, len(nats) // 100)
        smooth = np.convolve(nats, np.ones(width) / width, "valid")
        losses.plot(seconds[width - 1 :] / 60, smooth, label=variant)
        field = figure.add_subplot(rows[1, column])
        field.imshow(seen, cmap="Blues", vmin=0, vmax=1.3)
        field.plot(seen.shape[1] // 2, seen.shape[0] // 2, "s", color="tab:red", markersize=3)
        field.set_title(variant, fontsize=10)
        made = figure.add_subplot(rows[2, column])
        made.imshow(grid(intensities(images, levels), 4).squeeze(-1), cmap="gray", vmin=0, vmax=255)
        for axis in (field, made):
            axis.set_axis_off()
    losses.set_ylim(0.95 * lowest, 1.6 * lowest)  # where they differ: they all begin far above
    losses.set_xlabel("training (minutes)")
    losses.set_ylabel("nats/image")
    losses.legend()
    return figure


def main() -> None:
    """Parses the arguments, trains, and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="configuration whose [model] variant is varied")
    parser.add_argument("--minutes", type=float, default=10.0, help="training time of each (default 10)")
    parser.add_argument("--images", type=int, default=1000, help="test images to measure on (default 1000)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), help="folder for the table and the picture (default out)"
    )
    arguments = parser.parse_args()
    configuration = read_run(arguments.config)
    assert isinstance(configuration, ImageConfiguration)
    fixed_images(configuration.model, configuration.data, "test")  # refuses what does not fit before the wait
    results.check(arguments.out, "image-comparison")
    found = {}
    for variant in NETWORKS:
        print(f"{variant}: {arguments.minutes:g} minutes", file=sys.stderr)
        with worker_pool(1) as pool:  # a process each, so that each has its own peak of memory
            task = pool.submit(
                compare_variant, configuration, variant, 60 * arguments.minutes, arguments.images
            )
            found[variant] = task.result()
    table = _table([result[0] for result in found.values()])
    results.save(arguments.out, "image-comparison", table, _plot(found, configuration.model.levels))


if __name__ == "__main__":
    main()
