"""What all flows of images share: levels made continuous, the likelihood in nats, and images from latents.

A value of an image is a whole number below `levels`. With noise u, uniform from 0 to 1, it is continuous, and

    -ln P(levels) ≤ E[-ln p(levels + u)]                 (Theis et al., "A note on the evaluation of generative models",
                                                                          2016, eq. 3 to 5)

so the likelihood that a flow gives to the continuous values bounds that of the levels, and is comparable with what an
autoregressive model says of them. A flow itself sees x = (levels + u) / `levels`, from 0 to 1. A paper's likelihood of
such x, as NICE's of MNIST, has D · ln(`levels`) fewer nats a image: 4,347.3 at 784 values of 256 levels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from wavesynth.checks import require_value
from wavesynth.models.flows import Flow, Prior, log_density
from wavesynth.models.images_config import ImageShape

__all__ = ["ActNorm", "ImageFlow"]

#: Smallest deviation that a scaling makes one: that of the noise of one level of 256 is a tenth of 0.01.
_LEAST = 1e-4


class ImageFlow(nn.Module):
    """A flow from x [B, H, W, C] to z [B, D] with a prior. D is H · W · C."""

    def __init__(self, config: ImageShape, flow: Flow, prior: Prior) -> None:
        super().__init__()
        self.config, self.flow, self.prior = config, flow, prior

    def encode(self, values: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z [B, D], and ln p(values) of each image in nats, [B].

        `values` [B, H, W, C] are levels with noise, from 0 to below `levels` each; `labels` [B] are classes, if the
        network has any. Raises ValueError for other shapes, and for labels that are missing or too many.
        """
        c = self.config
        shape = list(values.shape)
        require_value("values' shape", shape, tuple(shape[1:]) == c.shape, f"[B, {_listed(c.shape)}]")
        self._check_labels(labels)
        z, log_det = self.flow(values * (1 / c.levels), labels)
        return z, log_density(self.prior, z, log_det) - c.dimensions * math.log(c.levels)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Levels, int64 [B, H, W, C], of latents [B, D]. Raises ValueError for latents of another shape."""
        c = self.config
        shape = list(z.shape)
        require_value(
            "latent's shape", shape, len(shape) == 2 and shape[1] == c.dimensions, f"[B, {c.dimensions}]"
        )
        self._check_labels(labels)
        x = self.flow.inverse(z, labels)
        return (x * c.levels).floor().nan_to_num(0).clamp(0, c.levels - 1).long()

    def nll(self, values: Tensor, labels: Tensor | None = None) -> Tensor:
        """Nats, -ln p(values) of the images, each shared equally among its values: [B, H, W, C].

        A flow says what a whole image costs, not what each of its values does.
        """
        _, log_density = self.encode(values, labels)
        return (-log_density / self.config.dimensions).view(-1, 1, 1, 1).expand(values.shape)

    def forward(self, values: Tensor, labels: Tensor | None = None) -> Tensor:
        """`nll`."""
        return self.nll(values, labels)

    @torch.no_grad()
    def initialise(self, values: Tensor, labels: Tensor | None = None) -> None:
        """Sets every `ActNorm` by these images, such that what leaves it has the prior's mean and deviation."""
        norms = [module for module in self.modules() if isinstance(module, ActNorm)]
        for norm in norms:
            norm.adapting = True
        self.encode(values, labels)
        for norm in norms:
            norm.adapting = False

    def _check_labels(self, labels: Tensor | None) -> None:
        if bool(self.config.labels) != (labels is not None):
            state = "missing" if labels is None else "given"
            raise ValueError(f"label is {state}, but the model has {self.config.labels} labels")


class ActNorm(Flow):
    """z = (x + shift) · e^log_scale, by channel: [B, C, ...]. It is NICE's diagonal scaling (eq. 13) with a shift.

    Both are set by a first batch, such that z has mean 0 and the given deviation, and are learned from then on: what
    batch normalisation does for RealNVP, without a batch (Kingma and Dhariwal, "Glow", 2018, sec. 3.1).
    """

    def __init__(self, channels: int, deviation: float = 1.0) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.deviation = deviation
        #: Whether the next batch sets it.
        self.adapting = False

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z and log_scale times the places of a channel, [B]."""
        if self.adapting:
            by_channel = x.transpose(0, 1).flatten(1)
            self.shift.copy_(-by_channel.mean(1))
            self.log_scale.copy_(torch.log(self.deviation / by_channel.std(1).clamp(min=_LEAST)))
        places = math.prod(x.shape[2:])
        z = (x + self._each(self.shift, x)) * torch.exp(self._each(self.log_scale, x))
        return z, (self.log_scale.sum() * places).expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """x."""
        return z * torch.exp(-self._each(self.log_scale, z)) - self._each(self.shift, z)

    def _each(self, values: Tensor, x: Tensor) -> Tensor:
        """[C] as [1, C, 1, ...], to go with x."""
        return values.view(1, -1, *[1] * (x.dim() - 2))


def _listed(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
