"""Normalising flows: what all of them are to their users, and how they compose.

A flow is a bijection between data x and latents z with a known log-determinant, so that the density of the data is

    ln p(x) = ln p(z) + ln |det ∂z/∂x|,      z = flow(x)

(change of variables: Dinh et al., "NICE", 2014, eq. 1). Flows in a row are a flow: the log-determinants add up, and the
inverse is the inverses in reverse order.

    z, log_det = flow(x)                    or flow(x, condition), for one that is told something
    x = flow.inverse(z)
    nats = -log_density(STANDARD_NORMAL, z.flatten(1), log_det)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "STANDARD_LOGISTIC",
    "STANDARD_NORMAL",
    "Composed",
    "Flow",
    "Prior",
    "StandardLogistic",
    "StandardNormal",
    "log_density",
    "log_likelihood",
]


class Flow(nn.Module):
    """A bijection. `condition` is whatever a conditional flow is told of the batch; others leave it alone."""

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z, and ln |det ∂z/∂x| of each example in nats, [B]; x is [B, ...]."""
        raise NotImplementedError

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """The x whose z that is."""
        raise NotImplementedError


class Composed(Flow):
    """Flows one after the other, from the data to the latents.

    >>> Composed([])(torch.ones(2, 3))[1]
    tensor([0., 0.])
    """

    def __init__(self, parts: Iterable[Flow]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z of the last flow, and the sum of the log-determinants, [B]."""
        total = x.new_zeros(len(x))
        for part in self.parts:
            x, log_det = part(x, condition)
            total = total + log_det
        return x, total

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """The inverses in reverse order."""
        for part in reversed(self.parts):
            assert isinstance(part, Flow)
            z = part.inverse(z, condition)
        return z


class Prior(Protocol):
    """The fixed distribution of each latent value, all of them independent."""

    def log_density(self, z: Tensor) -> Tensor:
        """ln p of each value, in nats: [...] → [...]."""

    def quantile(self, u: Tensor) -> Tensor:
        """The value below which the share `u` of the distribution lies, 0 < u < 1: [...] → [...]."""


class StandardNormal:
    """Mean 0, variance 1."""

    def log_density(self, z: Tensor) -> Tensor:
        """-z²/2 - ln √2π."""
        return -0.5 * z * z - 0.5 * math.log(2 * math.pi)

    def quantile(self, u: Tensor) -> Tensor:
        """√2 · erf⁻¹(2u - 1)."""
        return torch.special.ndtri(u)


class StandardLogistic:
    """p = σ(z) · σ(-z), which NICE takes for images (Dinh et al., 2014, sec. 3.4)."""

    def log_density(self, z: Tensor) -> Tensor:
        """-ln(1 + e^z) - ln(1 + e^-z)."""
        return F.logsigmoid(z) + F.logsigmoid(-z)

    def quantile(self, u: Tensor) -> Tensor:
        """ln u - ln(1 - u)."""
        return torch.logit(u)


STANDARD_NORMAL = StandardNormal()
STANDARD_LOGISTIC = StandardLogistic()


def log_density(prior: Prior, z: Tensor, log_det: Tensor) -> Tensor:
    """ln p(x) in nats, [...], of what has the latents z [..., D] and the log-determinant [...], by the change of
    variables."""
    return prior.log_density(z).sum(-1) + log_det


def log_likelihood(flow: Flow, prior: Prior, x: Tensor, condition: Tensor | None = None) -> Tensor:
    """ln p(x) of each example in nats, [B], by the change of variables."""
    z, log_det = flow(x, condition)
    return log_density(prior, z.flatten(1), log_det)
