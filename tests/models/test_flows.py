"""Couplings and their compositions: bijections whose log-determinant is that of the Jacobian."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from wavesynth.models.couplings import (
    AdditiveCoupling,
    AffineCoupling,
    Halves,
    Interleaved,
    Masked,
    checkerboard,
)
from wavesynth.models.flows import STANDARD_LOGISTIC, STANDARD_NORMAL, Composed, Flow, Prior, log_likelihood


class _Vectors(nn.Module):
    """A network of vectors that is told a class."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.label = nn.Embedding(3, 8)
        self.first, self.last = nn.Linear(inputs, 8), nn.Linear(8, outputs)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        hidden = self.first(x) + (0 if condition is None else self.label(condition))
        return self.last(torch.tanh(hidden))


class _Maps(nn.Module):
    """A network of maps, [B, C, H, W]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return torch.tanh(self.convolution(x))


def _additive() -> Flow:
    swapped = [
        AdditiveCoupling(Interleaved(7, swapped), _Vectors(3 + (not swapped), 4 - (not swapped)))
        for swapped in (False, True)
    ]
    return Composed(swapped)


def _affine() -> Flow:
    return Composed(AffineCoupling(Halves(6, swapped), _Vectors(3, 6), 3) for swapped in (False, True))


def _masked() -> Flow:
    boards = [AffineCoupling(checkerboard(4, 3, swapped), _Maps(2, 4), 2) for swapped in (False, True)]
    return Composed(boards)


FLOWS: dict[str, tuple[Callable[[], Flow], tuple[int, ...]]] = {
    "additive": (_additive, (7,)),
    "affine": (_affine, (6,)),
    "masked": (_masked, (2, 4, 3)),
}


def _made(name: str) -> tuple[Flow, Tensor]:
    torch.manual_seed(1)
    make, shape = FLOWS[name]
    return make(), torch.randn(5, *shape)


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@torch.no_grad()
def test_the_inverse_undoes_a_flow(name: str, dtype: torch.dtype, tolerance: float) -> None:
    flow, x = _made(name)
    flow, x = flow.to(dtype), x.to(dtype)
    z, _ = flow(x)
    assert float((z - x).abs().max()) > 0.1
    assert float((flow.inverse(z) - x).abs().max()) < tolerance


@pytest.mark.parametrize("name", FLOWS)
def test_the_log_determinant_is_that_of_the_jacobian(name: str) -> None:
    flow, x = _made(name)
    flow, x = flow.double(), x[0].double()
    jacobian = torch.autograd.functional.jacobian(lambda x: flow(x[None])[0][0], x)
    size = x.numel()
    wanted = torch.linalg.slogdet(jacobian.reshape(size, size)).logabsdet
    assert torch.allclose(flow(x[None])[1][0], wanted, atol=1e-10)


def test_additive_couplings_preserve_volume() -> None:
    flow, x = _made("additive")
    flow, x = flow.double(), x.double()
    for one in x:
        jacobian = torch.autograd.functional.jacobian(lambda x: flow(x[None])[0][0], one)
        assert float(torch.linalg.det(jacobian)) == pytest.approx(1, abs=1e-12)


def test_a_composition_inverts_its_parts_in_reverse_order() -> None:
    flow, x = _made("affine")
    assert isinstance(flow, Composed)
    z = x
    for part in flow.parts:
        z, _ = part(z)
    assert torch.equal(flow(x)[0], z)
    for part in reversed(flow.parts):
        assert isinstance(part, Flow)
        z = part.inverse(z)
    assert torch.equal(flow.inverse(flow(x)[0]), z)


def test_a_condition_changes_the_flow_and_its_inverse() -> None:
    flow, x = _made("affine")
    first, second = torch.zeros(5, dtype=torch.long), torch.ones(5, dtype=torch.long)
    z, _ = flow(x, first)
    assert not torch.allclose(z, flow(x, second)[0], atol=1e-3)
    assert torch.allclose(flow.inverse(z, first), x, atol=1e-5)
    assert not torch.allclose(flow.inverse(z, second), x, atol=1e-3)


@pytest.mark.parametrize("prior", [STANDARD_NORMAL, STANDARD_LOGISTIC])
def test_a_priors_quantiles_belong_to_its_density(prior: Prior) -> None:
    z = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    share = torch.cumulative_trapezoid(prior.log_density(z).exp(), z)
    assert float(share[-1]) == pytest.approx(1, abs=1e-8)
    some = slice(29_000, 31_000, 100)
    assert torch.allclose(prior.quantile(share[some]), z[1:][some], atol=1e-5)


def test_the_likelihood_of_a_scaled_variable_is_its_known_density() -> None:
    class Doubled(Flow):
        def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
            return 2 * x, torch.full((len(x),), 3 * math.log(2))

    x = torch.randn(4, 3)
    wanted = torch.distributions.Normal(0, 0.5).log_prob(x).sum(1)
    assert torch.allclose(log_likelihood(Doubled(), STANDARD_NORMAL, x), wanted, atol=1e-5)


@torch.no_grad()
def test_a_density_of_the_plane_integrates_to_one_and_its_samples_have_it() -> None:
    torch.manual_seed(3)
    flow = Composed(AffineCoupling(Interleaved(2, swapped), _Vectors(1, 2), 1) for swapped in (False, True))
    side = torch.linspace(-8, 8, 401)[:-1] + 0.02  # the middles of 400 x 400 fine cells
    density = log_likelihood(flow, STANDARD_NORMAL, torch.cartesian_prod(side, side)).exp().view(400, 400)
    shares = density.view(16, 25, 16, 25).sum((1, 3)) * 0.04**2
    assert float(shares.sum()) == pytest.approx(1, abs=1e-3)
    samples = flow.inverse(torch.randn(100_000, 2))
    cells = (samples + 8).floor().long().clamp(0, 15)
    found = torch.bincount(cells[:, 0] * 16 + cells[:, 1], minlength=256).view(16, 16) / len(samples)
    assert float((found - shares).abs().max()) < 0.006  # four deviations of the most likely cell's share


def test_an_odd_number_of_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="channels is 5; it must be even and at least 2"):
        Halves(5)


@pytest.mark.parametrize("mask", [torch.ones(4, 4), torch.zeros(4, 4)])
def test_a_mask_that_leaves_nothing_is_refused(mask: Tensor) -> None:
    with pytest.raises(ValueError, match=r"places that the mask keeps is .*more than 0 and fewer than 16"):
        Masked(mask)
    with pytest.raises(ValueError, match="dimensions is 1; it must be at least 2"):
        Interleaved(1)
