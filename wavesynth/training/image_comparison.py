"""A causal CNN or an RNN for images: the four networks on the same data for the same time."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from wavesynth.evaluation.images import likelihood_of, receptive_field
from wavesynth.images.sampling import params_from, sample
from wavesynth.models.images import image_model
from wavesynth.models.pixels import Kind
from wavesynth.training.images import ImageConfiguration, ImageTask, fixed_images
from wavesynth.workers import threads

__all__ = ["Compared", "compare_kind"]


@dataclass(frozen=True)
class Compared:
    """What one kind of network came to."""

    kind: str
    parameters: int
    steps: int
    training_seconds: float
    epoch_seconds: float
    """By the clock, for as many images as the training set has."""
    nats: float
    bits_per_dim: float
    images: int
    sampling_seconds: float
    """For one image, by the fastest way there is for this kind."""
    peak_memory_mb: float
    """Of the whole process, while it trained."""
    receptive_pixels: int
    """Of the image's middle pixel; the earlier pixels that there are, are the most."""
    earlier_pixels: int


def compare_kind(
    configuration: ImageConfiguration,
    kind: Kind,
    seconds: float,
    images: int,
    log: Callable[[str], None] = lambda line: None,
) -> tuple[Compared, list[tuple[float, float]], Tensor, Tensor]:
    """Trains one kind for so long, in this process, and measures it on so many images of the test set.

    The memory figure is the process's peak: call it in a process of its own. Returns also (seconds, nats of a
    batch) of each step, the receptive field [H, W], and 16 images [16, H, W, C].
    """
    model_config = replace(configuration.model, kind=kind)
    configuration = replace(configuration, model=model_config)
    torch.manual_seed(configuration.training.seed)
    model = image_model(model_config)
    seen = receptive_field(model, model_config.height // 2, model_config.width // 2)
    task = ImageTask(model, configuration)
    curve, steps, spent = _train(task, configuration, seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    log(f"{kind}: {steps} steps in {spent:.0f} s")
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
        kind=kind,
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
    log(str(asdict(compared)))
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
