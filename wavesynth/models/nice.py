"""NICE: an image's odd values move by what a perceptron makes of its even ones, then the other way round, and so on.

Dinh et al., "NICE: Non-linear Independent Components Estimation", 2014. The couplings are additive and keep all volumes
(sec. 3.2); a diagonal scaling at the end is all that makes more or less dense (sec. 3.3); the prior is logistic
(sec. 3.4). The likelihood is exact, and a sample is one pass of the inverse.

    x → [coupling · coupling · coupling · coupling] → scaling → z
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.models.couplings import AdditiveCoupling, Interleaved
from wavesynth.models.flows import STANDARD_LOGISTIC, Composed, Flow
from wavesynth.models.image_flows import ActNorm, ImageFlow
from wavesynth.models.image_flows_config import NICEConfig

__all__ = ["NICE", "Flattened", "Perceptron"]


class Flattened(Flow):
    """[B, ...] → [B, D], in the order of memory."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """[B, D] and zeros, [B]."""
        return x.flatten(1), x.new_zeros(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """[B, ...]."""
        return z.unflatten(1, self.shape)


class Perceptron(nn.Module):
    """`layers` hidden layers of rectified `features`, the first of which is told the class: [B, I] → [B, O].

    Its output is zero before it is trained, so that a coupling begins as the identity. `gain` is the unit of each
    output: a step of the optimiser that moves a grey pixel a little would throw one that is always black far away.
    """

    def __init__(self, inputs: int, outputs: int, layers: int, features: int, labels: int = 0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(outputs))
        sizes = [inputs, *[features] * layers, outputs]
        self.layers = nn.ModuleList(nn.Linear(size, following) for size, following in pairwise(sizes))
        if labels:
            self.label = nn.Embedding(labels, features)
            nn.init.normal_(self.label.weight, std=0.01)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.layers[-1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """[B, O]."""
        x = self.layers[0](x)
        if labels is not None:
            x = x + self.label(labels)
        for layer in self.layers[1:]:
            x = layer(F.relu(x))
        return x * self.gain


class NICE(ImageFlow):
    """The whole network, of any colours."""

    def __init__(self, config: NICEConfig) -> None:
        parts: list[Flow] = [Flattened(config.shape)]
        for coupling in range(config.couplings):
            partition = Interleaved(config.dimensions, swapped=coupling % 2 == 1)
            kept, moved = partition.kept, config.dimensions - partition.kept
            network = Perceptron(kept, moved, config.layers, config.features, config.labels)
            parts.append(AdditiveCoupling(partition, network))
        parts.append(
            ActNorm(config.dimensions, math.pi / math.sqrt(3))
        )  # the logistic distribution's deviation
        super().__init__(config, Composed(parts), STANDARD_LOGISTIC)

    @torch.no_grad()
    def initialise(self, values: Tensor, labels: Tensor | None = None) -> None:
        """Sets the diagonal scaling, and the unit of each perceptron's outputs, the deviation of what they move."""
        deviations = (values.flatten(1) * (1 / self.config.levels)).std(0)[None]
        for part in self.modules():
            if isinstance(part, AdditiveCoupling) and isinstance(part.network, Perceptron):
                part.network.gain.copy_(part.partition.split(deviations)[1][0])
        super().initialise(values, labels)
