"""A frame flow against what defines a normalizing flow: its Jacobian."""

import math

import numpy as np
import pytest
import torch

from wavesynth.models.frame_flow import FrameFlow, FrameFlowConfig, periods, predictor

SMALL = {"block": 4, "order": 3, "past": 6, "lags": 0, "layers": 2, "residual": 16, "skip": 16, "hop": 8}


def flow(**values):
    """A network in float64 of which no weight is zero."""
    torch.manual_seed(0)
    config = FrameFlowConfig(**SMALL | {"coupling_channels": 16, "mel_bands": 5, "mel_channels": 32} | values)
    network = FrameFlow(config).double().requires_grad_(False)
    for name, weight in network.named_parameters():
        if "limit" not in name:
            weight += 0.2 * torch.randn_like(weight)
    return network


def signals(network, frames=3):
    c = network.config
    samples = 0.1 * torch.randn(1, frames * c.hop, dtype=torch.float64)
    return samples, torch.randn(1, frames + 6, c.mel_bands, dtype=torch.float64)


def jacobian(network, samples, mel):
    """∂z/∂x, [T, T]."""
    found = torch.autograd.functional.jacobian(lambda x: network.latent(x, mel)[0].flatten(), samples)
    return found[:, 0]


@pytest.mark.parametrize(
    "changes", [{}, {"past": 0}, {"couplings": 0}, {"past": 2, "couplings": 5}, {"past": 0, "lags": 16}]
)
def test_its_log_determinant_is_that_of_its_jacobian(changes):
    network = flow(**changes)
    samples, mel = signals(network)
    _, determinant = torch.linalg.slogdet(jacobian(network, samples, mel))
    assert abs(float(network.latent(samples, mel)[1].sum() - determinant)) < 1e-8


def test_a_block_sees_itself_and_what_was_before_it():
    network = flow()
    samples, mel = signals(network, 8)
    blocks = jacobian(network, samples, mel).unflatten(0, (-1, 4)).unflatten(-1, (-1, 4)).abs().amax((1, 3))
    assert (blocks.triu(1) == 0).all()  # [of z, of x]
    assert (blocks.diagonal() > 0).all()
    seen = 16 - int((blocks[-1] > 0).nonzero()[0])
    assert seen == 1 + math.ceil(network.config.receptive_field / 4)


def test_without_a_past_blocks_are_independent_but_for_the_prediction():
    network = flow(past=0)
    samples, mel = signals(network)
    blocks = jacobian(network, samples, mel).unflatten(0, (-1, 4)).unflatten(-1, (-1, 4)).abs().amax((1, 3))
    assert (blocks.tril(-2) == 0).all()


def test_its_density_is_one_of_all_blocks_that_there_are():
    network = flow(block=2, order=1, past=2, hop=2)
    mel = signals(network, 1)[1]
    gain = float(network.conditioning(mel)[0])
    axis = torch.linspace(-60, 60, 401, dtype=torch.float64) * gain  # 1,201 points cost ten times as much
    grid = torch.cartesian_prod(axis, axis)
    nats = network(grid, mel.expand(len(grid), -1, -1))
    assert abs(float(torch.exp(-nats).sum()) * float(axis[1] - axis[0]) ** 2 - 1) < 1e-2


def test_a_period_is_found_and_what_was_there_is_heard():
    config = FrameFlowConfig(lags=64)  # from 32 to 95 samples: one period, and not two
    time = torch.arange(3200, dtype=torch.float64)
    samples = torch.sin(2 * math.pi * time / 77)[None]
    lags, correlation = periods(samples, config)
    assert (lags[0, 40:] == 77).float().mean() > 0.9
    assert (correlation[0, 40:] > 0.99).all()
    network = FrameFlow(config).double()
    heard = network.heard(time[None], samples, torch.full((1, 200, 1), 1e4), 0.0)[0, 150]
    place = 1e4 * heard[2 * config.past : 2 * config.past + 32]
    assert (place - (150 * 16 - 77 - 8 + torch.arange(32))).abs().max() < 100  # of about 2,300, compressed


def test_the_excitation_is_in_float32_under_autocast_too():
    network = FrameFlow()
    samples = 0.1 * torch.randn(1, 2 * network.config.hop)
    a = predictor(0.9 * torch.tanh(torch.randn(1, 2, network.config.order)))
    with torch.autocast("cpu", torch.bfloat16):
        found = network.excitation(samples, a)
    assert torch.equal(found, network.excitation(samples, a))


def test_the_prediction_filter_is_stable():
    reflection = torch.tanh(torch.randn(50, 16, dtype=torch.float64))
    filters = predictor(reflection)
    for coefficients in filters.numpy():
        assert np.abs(np.roots([1, *coefficients])).max() < 1
    assert torch.equal(filters[:, -1], reflection[:, -1])


@pytest.mark.parametrize(
    "field, value, allowed",
    [
        ("block", 5, "even, for couplings split it in two"),
        ("hop", 24, "a multiple of block, 16"),
        ("residual", 20, "a multiple of 16"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(field, value, allowed):
    with pytest.raises(ValueError, match=f"{field} is {value}; it must be {allowed}"):
        FrameFlowConfig(**{field: value})


def test_its_weights_have_the_shapes_that_are_said_without_pytorch():
    for changes in ({}, {"past": 0, "couplings": 1}):
        network = flow(**changes)
        shapes = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
        assert network.config.weight_shapes() == shapes
