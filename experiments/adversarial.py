"""A generative adversarial network (Goodfellow et al., 2014), for points of a plane and for images.

One of the lecture's four families, to stand beside the others in `experiments.families` and `experiments.missed_modes`.
It isn't part of the package: it has no likelihood, so nothing here could say how good it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Adversaries", "of_images", "of_points"]


class Adversaries:
    """A generator and a discriminator that train each other.

    The discriminator learns to tell data from samples. The generator learns to be taken for data, by the loss that
    does not vanish: -ln D(G(z)) (Goodfellow et al., 2014, section 3).
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, latent: int, learning_rate: float = 2e-4
    ) -> None:
        self.generator, self.discriminator, self.latent = generator, discriminator, latent
        self._optimizers = [
            torch.optim.Adam(one.parameters(), lr=learning_rate, betas=(0.5, 0.999))
            for one in (generator, discriminator)
        ]

    def step(self, data: Tensor, random: torch.Generator) -> tuple[float, float]:
        """One step of both on a batch [B, ...]. Returns the losses of the generator and of the discriminator, nats."""
        for_generator, for_discriminator = self._optimizers
        made = self.generator(torch.randn(len(data), self.latent, generator=random))
        judged = self.discriminator(data), self.discriminator(made.detach())
        apart = F.softplus(-judged[0]).mean() + F.softplus(judged[1]).mean()
        for_discriminator.zero_grad()
        apart.backward()
        for_discriminator.step()
        taken = F.softplus(-self.discriminator(made)).mean()
        for_generator.zero_grad()
        taken.backward()
        for_generator.step()
        return float(taken.detach()), float(apart.detach())

    @torch.no_grad()
    def sample(self, count: int, random: torch.Generator) -> Tensor:
        """[count, ...], as the data are scaled."""
        made: Tensor = self.generator(torch.randn(count, self.latent, generator=random))
        return made


def of_points(hidden: int = 128) -> Adversaries:
    """For points [B, 2]: three hidden layers each."""

    def layers(inputs: int, outputs: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
        widths = [inputs, hidden, hidden, hidden]
        each = [(nn.Linear(a, b), activation()) for a, b in itertools.pairwise(widths)]
        return nn.Sequential(*[one for pair in each for one in pair], nn.Linear(hidden, outputs))

    return Adversaries(layers(2, 2, nn.ReLU), layers(2, 1, lambda: nn.LeakyReLU(0.2)), 2)


def of_images(latent: int = 64, features: int = 32) -> Adversaries:
    """For images [B, 1, 28, 28] from -1 to 1: a small DCGAN (Radford et al., 2016)."""
    generator = nn.Sequential(
        nn.Linear(latent, 4 * features * 49),
        nn.Unflatten(1, (4 * features, 7, 7)),
        nn.BatchNorm2d(4 * features),
        nn.ReLU(),
        nn.ConvTranspose2d(4 * features, 2 * features, 4, 2, 1),
        nn.BatchNorm2d(2 * features),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * features, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, features, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(features, 2 * features, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * features * 49, 1),
        nn.Flatten(0),
    )
    return Adversaries(generator, discriminator, latent)
