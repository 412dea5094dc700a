"""The recurrence over diagonals against its definition: one pixel after the other, in raster order."""

import pytest
import torch
import torch.nn.functional as F

from wavesynth.models.diagonals import diagonals, lstm
from wavesynth.models.images import image_model
from wavesynth.models.pixels import ImageModelConfig


def pixel_by_pixel(gates, weight):
    batch, height, width, _ = gates.shape
    nothing = gates.new_zeros(batch, weight.shape[1] // 2)
    hidden, cell = {}, {}
    for r in range(height):
        for c in range(width):
            states = torch.cat([hidden.get((r - 1, c), nothing), hidden.get((r, c - 1), nothing)], -1)
            given = gates[:, r, c] + F.linear(states, weight)
            hidden[r, c], cell[r, c] = lstm(given, cell.get((r, c - 1), nothing))
    return torch.stack([hidden[r, c] for r in range(height) for c in range(width)], 1).view(
        *gates.shape[:3], -1
    )


def test_states_and_gradients_are_those_of_one_pixel_after_the_other():
    generator = torch.Generator().manual_seed(0)
    for height, width in ((4, 7), (5, 2), (1, 3)):
        gates = torch.randn(2, height, width, 12, dtype=torch.float64, generator=generator).requires_grad_()
        weight = torch.randn(12, 6, dtype=torch.float64, generator=generator).requires_grad_()
        ours, expected = diagonals(gates, weight), pixel_by_pixel(gates, weight)
        assert torch.allclose(ours, expected, atol=1e-12)
        by = torch.randn(expected.shape, dtype=torch.float64, generator=generator)
        for a, b in zip(
            torch.autograd.grad(ours, (gates, weight), by),
            torch.autograd.grad(expected, (gates, weight), by),
            strict=True,
        ):
            assert torch.allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("autocast", [False, True])
def test_inputs_in_half_precision_are_computed_in_float32(autocast):
    """As they are on any device: those that autocast has rounded come in bfloat16, weights in float32."""
    generator = torch.Generator().manual_seed(0)
    gates = torch.randn(2, 4, 5, 12, generator=generator).bfloat16().requires_grad_()
    weight = torch.randn(12, 6, generator=generator).requires_grad_()
    exact = [x.detach().float().requires_grad_() for x in (gates, weight)]
    by = torch.randn(2, 4, 5, 3, generator=generator)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        ours = diagonals(gates, weight)
        of_gates, of_weight = torch.autograd.grad(ours, (gates, weight), by)
    expected = diagonals(*exact)
    to_gates, to_weight = torch.autograd.grad(expected, exact, by)
    assert ours.dtype == torch.float32 and torch.equal(ours, expected)
    assert torch.equal(of_gates, to_gates.bfloat16()) and torch.equal(of_weight, to_weight)


def test_autocast_is_that_of_the_tensors_device(monkeypatch):
    asked = []

    class Recorded(torch.autocast):
        def __init__(self, device_type, *arguments, **options):
            asked.append(device_type)
            super().__init__("cpu", *arguments, **options)

    monkeypatch.setattr(torch, "autocast", Recorded)
    diagonals(torch.zeros(1, 2, 2, 8, device="meta"), torch.zeros(8, 4, device="meta"))
    assert asked == ["meta"]


@pytest.mark.gpu
def test_a_diagonal_bilstm_learns_in_bf16_on_a_gpu():
    model = image_model(
        ImageModelConfig(variant="diagonal-bilstm", height=4, width=4, features=8, hidden=8, layers=2)
    )
    model = model.to("cuda")
    pixels = torch.randint(256, (2, 4, 4, 1), device="cuda")
    with torch.autocast("cuda", torch.bfloat16):
        nats = model.nll(pixels)
    nats.mean().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
