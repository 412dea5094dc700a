"""NICE and RealNVP: exact likelihoods of images of any colours, images from latents, and what cannot be."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from wavesynth.models.couplings import AffineCoupling
from wavesynth.models.image_flows import ImageFlow
from wavesynth.models.image_flows_config import NICEConfig, RealNVPConfig
from wavesynth.models.nice import NICE
from wavesynth.models.realnvp import Logit, RealNVP, Squeeze

CASES: dict[str, tuple[Any, Any]] = {
    "nice": (NICE, NICEConfig(height=3, width=5, layers=2, features=8)),
    "nice-rgb": (
        NICE,
        NICEConfig(height=4, width=4, channels=3, labels=3, layers=2, features=8, couplings=3),
    ),
    "realnvp": (RealNVP, RealNVPConfig(height=4, width=6, features=4, blocks=1)),
    "realnvp-rgb": (RealNVP, RealNVPConfig(height=4, width=4, channels=3, labels=3, scales=2, features=3)),
}


def _made(name: str, count: int = 8) -> tuple[ImageFlow, Tensor, Tensor | None]:
    """A network that does something, levels with noise, and labels."""
    torch.manual_seed(2)
    make, config = CASES[name]
    model: ImageFlow = make(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    values = torch.rand(count, *config.shape) * config.levels
    labels = torch.arange(count) % config.labels if config.labels else None
    model.initialise(values, labels)
    return model, values, labels


@pytest.mark.parametrize("name", CASES)
def test_the_weights_have_the_shapes_that_the_configuration_says(name: str) -> None:
    model, _, _ = _made(name)
    shapes = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    assert shapes == CASES[name][1].weight_shapes()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@torch.no_grad()
def test_the_inverse_gives_the_image_again(name: str, dtype: torch.dtype, tolerance: float) -> None:
    model, values, labels = _made(name)
    model, x = model.to(dtype), values.to(dtype) / 256
    z, _ = model.flow(x, labels)
    assert z.shape == (8, x[0].numel())
    assert float((model.flow.inverse(z, labels) - x).abs().max()) < tolerance
    assert torch.equal(model.decode(z, labels), values.long())


@pytest.mark.parametrize("name", CASES)
def test_the_log_density_is_the_jacobians_of_the_levels(name: str) -> None:
    model, values, labels = _made(name)
    model, one = model.double(), values[:1].double()
    label = None if labels is None else labels[:1]
    jacobian = torch.autograd.functional.jacobian(lambda v: model.encode(v, label)[0][0], one)
    size = one.numel()
    determinant = torch.linalg.slogdet(jacobian.reshape(size, size)).logabsdet
    z, log_density = model.encode(one, label)
    assert torch.allclose(log_density, model.prior.log_density(z).sum() + determinant, atol=1e-8)
    assert torch.allclose(model.nll(one, label).sum(), -log_density[0])


def test_only_the_scaling_of_nice_changes_volumes() -> None:
    model, values, _ = _made("nice")
    scaling = model.flow.parts[-1].log_scale.sum()
    assert torch.allclose(model.flow(values / 256)[1], scaling.expand(8))


@torch.no_grad()
def test_a_density_over_two_pixels_integrates_to_one() -> None:
    torch.manual_seed(3)
    model = NICE(NICEConfig(height=1, width=2, levels=2, layers=1, features=8)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    side = torch.linspace(-60, 60, 801, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)[:, None, :, None]
    density = torch.cat([model.encode(part)[1].exp() for part in grid.split(100_000)])
    assert float(density.sum()) * float(side[1] - side[0]) ** 2 == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_the_first_batch_sets_the_scaling_to_the_priors_deviation(name: str) -> None:
    model, values, labels = _made(name, 64)
    z, _ = model.encode(values, labels)
    wanted = math.pi / math.sqrt(3) if isinstance(model, NICE) else 1.0
    assert float(z.mean()) == pytest.approx(0, abs=0.02)
    assert float(z.std()) == pytest.approx(wanted, rel=0.05)


@torch.no_grad()
def test_a_class_changes_the_likelihood() -> None:
    for name in ("nice-rgb", "realnvp-rgb"):
        model, values, labels = _made(name)
        assert labels is not None
        assert not torch.allclose(model.nll(values, labels), model.nll(values, (labels + 1) % 3))


@torch.no_grad()
def test_a_squeeze_puts_the_upper_pixels_with_all_their_colours_first() -> None:
    x = torch.arange(2 * 3 * 4 * 2.0).view(2, 3, 4, 2)  # [B, C, H, W]
    z, log_det = Squeeze()(x)
    assert z.shape == (2, 12, 2, 1) and not log_det.any()
    assert torch.equal(z[0, :6, 0, 0], torch.cat((x[0, :, 0, 0], x[0, :, 0, 1])))
    assert torch.equal(Squeeze().inverse(z), x)


def test_black_and_white_have_finite_logits() -> None:
    z, log_det = Logit(0.05)(torch.tensor([[0.0, 1.0]]))
    assert torch.isfinite(z).all() and torch.isfinite(log_det).all()
    assert torch.allclose(Logit(0.05).inverse(z), torch.tensor([[0.0, 1.0]]), atol=1e-6)


def test_what_cannot_be_squeezed_is_refused() -> None:
    with pytest.raises(
        ValueError, match="height is 6; it must be a multiple of 4: with 3 scales it is halved 2"
    ):
        RealNVPConfig(height=6, scales=3)
    with pytest.raises(ValueError, match=r"height and width is \[3, 4\]; it must be even, to be squeezed"):
        Squeeze()(torch.zeros(1, 1, 3, 4))


def test_a_shape_that_leaves_nothing_to_move_is_refused() -> None:
    with pytest.raises(
        ValueError, match="scales is 2; it must be fewer: what they leave must have at least 2"
    ):
        RealNVPConfig(height=2, width=2)
    with pytest.raises(ValueError, match="height is 1; it must be larger: one value cannot move"):
        NICEConfig(height=1, width=1)


def test_latents_and_images_of_another_shape_are_refused() -> None:
    model, values, _ = _made("nice")
    with pytest.raises(ValueError, match=r"latent's shape is \[3, 14\]; it must be \[B, 15\]"):
        model.decode(torch.zeros(3, 14))
    with pytest.raises(ValueError, match=r"values' shape is \[8, 5, 3, 1\]; it must be \[B, 3, 5, 1\]"):
        model.encode(values.transpose(1, 2))
    with pytest.raises(ValueError, match="label is given, but the model has 0 labels"):
        model.encode(values, torch.zeros(8, dtype=torch.long))


def test_a_scale_is_bounded_by_the_limit_that_it_learned() -> None:
    model, values, _ = _made("realnvp")
    couplings = [module for module in model.modules() if isinstance(module, AffineCoupling)]
    for coupling in couplings:
        torch.nn.init.constant_(coupling.network.last.bias, 1e6)
    assert torch.isfinite(model.nll(values)).all()
