"""The draw follows the softmax, and temperature does what it should."""

import pytest
import torch

from wavesynth.sampling.draw import draw, inverse_temperature, softmax_weights


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_weights_are_the_softmax(temperature):
    torch.manual_seed(0)
    logits = torch.randn(256) * 4
    weights = softmax_weights(logits, inverse_temperature(temperature)).double()
    expected = torch.softmax(logits.double() / temperature, 0)
    torch.testing.assert_close(weights / weights.sum(), expected, atol=2e-6, rtol=2e-5)


def test_classes_are_drawn_as_often_as_they_are_likely():
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log().repeat(4)
    drawn = torch.tensor([draw(logits, 3, index, inverse_temperature(1.0)) for index in range(8000)])
    frequency = torch.bincount(drawn % 4, minlength=4) / 8000
    torch.testing.assert_close(frequency, torch.tensor([0.1, 0.2, 0.3, 0.4]), atol=0.02, rtol=0)
    assert set(drawn.tolist()) == set(range(16))


def test_an_impossible_class_is_never_drawn():
    logits = torch.full((16,), -1000.0)
    logits[[3, 15]] = 0.0
    assert {draw(logits, 0, index, inverse_temperature(1.0)) for index in range(200)} == {3, 15}


@pytest.mark.parametrize("temperature", [0.0, 0.09, 2.1, float("nan"), float("inf")])
def test_a_temperature_out_of_range_is_an_error(temperature):
    with pytest.raises(ValueError, match=r"temperature is .*; it must be from 0.1 to 2"):
        inverse_temperature(temperature)
