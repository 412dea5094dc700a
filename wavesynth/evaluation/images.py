"""How well a model predicts images, and how far it sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wavesynth.data.images import ImageSet
from wavesynth.models.pixels import PixelModel

__all__ = ["Likelihood", "likelihood_of", "receptive_field"]


@dataclass(frozen=True)
class Likelihood:
    """Nats an image with the standard error of their mean, and bits for each of its values."""

    nats: float
    standard_error: float
    bits_per_dim: float
    images: int


@torch.inference_mode()
def likelihood_of(
    model: Any,
    images: ImageSet,
    batch: int = 100,
    track: Callable[[list[int]], Iterable[int]] = iter,
    nll: Callable[[Any, Tensor, Tensor | None], Tensor] = PixelModel.nll,
) -> Likelihood:
    """The negative log-likelihood of images whose values are the model's levels, in float32.

    `track` wraps the beginnings of the batches, to show progress; `nll` is the kind's (wavesynth.images.kinds). Raises
    ValueError without an image.
    """
    if not len(images):
        raise ValueError("there are 0 images to evaluate; there must be at least one")
    each = []
    for start in track(list(range(0, len(images), batch))):
        some = slice(start, start + batch)
        labels = images.labels[some] if model.config.labels and images.labels is not None else None
        each.append(nll(model, images.images[some].long(), labels).double().sum((1, 2, 3)))
    nats = torch.cat(each)
    error = float(nats.std()) / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
    mean = float(nats.mean())
    return Likelihood(mean, error, mean / model.config.dimensions / math.log(2), len(nats))


def receptive_field(model: PixelModel, row: int, column: int, trials: int = 4) -> Tensor:
    """Which pixels the distribution at one pixel depends on, by its gradient at random images: bool [H, W]."""
    c = model.config
    generator = torch.Generator().manual_seed(0)
    seen = torch.zeros(c.height, c.width, dtype=torch.bool)
    labels = torch.zeros(1, dtype=torch.long) if c.labels else None
    for _ in range(trials):
        x = (torch.rand(1, *c.shape, generator=generator) * 2 - 1).requires_grad_()
        params = model.params(x, labels)[0, row, column]
        direction = torch.randn(params.shape, generator=generator)
        (gradient,) = torch.autograd.grad((params * direction).sum(), x)
        seen |= (gradient[0] != 0).any(-1)
    return seen
