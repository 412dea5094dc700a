"""Training a flow of images: its exact likelihood of images with fresh noise, by the loop that all models share.

kind = "nice"                   # or "realnvp"

[data]                          # ImageDataConfig
folder = "datasets/mnist"

[model]                         # NICEConfig or RealNVPConfig
features = 1000

[training]                      # TrainingConfig
precision = "float32"           # a likelihood of sharp densities needs it

[card]                          # CardConfig
name = "mnist-nice"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from wavesynth.data.features import Track
from wavesynth.images.flows import dequantised
from wavesynth.training.images import ImageConfiguration, ImageRecipe, ImageTask
from wavesynth.training.task import Task, Tensors
from wavesynth.training.trainer import Trainer

__all__ = ["FlowRecipe", "FlowTask"]

#: Images by which the scaling layers are set before the first step.
_FIRST = 1000


class FlowRecipe(ImageRecipe):
    """By the likelihood of images that have noise."""

    def task(self, configuration: ImageConfiguration, *, resume: bool, track: Track) -> Task:
        """Images with noise, and a flow whose scaling layers are set by the first ones."""
        network = self.kind.make_network(configuration.model)
        task = FlowTask(network, configuration)
        if not resume:
            generator = torch.Generator().manual_seed(configuration.training.seed)
            network.initialise(*task.batch(generator, min(_FIRST, len(task.training))))
        return task

    def example(self, training: Trainer, configuration: ImageConfiguration) -> Callable[[], Any]:
        """Some images, which take a flow no time."""
        from wavesynth.training.examples import images_of

        return lambda: images_of(self.kind, training.average)


class FlowTask(ImageTask):
    """-ln p of images whose levels have uniform noise: fresh noise in training, always the same in validation."""

    def batch(self, generator: torch.Generator, size: int) -> Tensors:
        """Random images: levels with noise, float32 [B, H, W, C], and labels [B] if the network has classes."""
        levels, *labels = super().batch(generator, size)
        return levels + torch.rand(levels.shape, generator=generator), *labels

    def validation(self, size: int) -> Iterator[Tensors]:
        """The validation set in order."""
        for levels, *labels in super().validation(size):
            yield dequantised(levels), *labels
