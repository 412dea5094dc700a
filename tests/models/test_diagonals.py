"""The recurrence over diagonals against its definition: one pixel after the other, in raster order."""

import torch
import torch.nn.functional as F

from wavesynth.models.diagonals import diagonals, lstm


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
