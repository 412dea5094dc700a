"""The bounds of experiments/bounds.py count the weights that the kernel reads."""

import pytest

from experiments.bounds import Shape
from wavesynth.kernels.triton.offline import shape


@pytest.mark.parametrize(("layers", "skip"), [(20, 128), (30, 256)])
def test_a_samples_multiply_adds_are_the_networks_weights(layers, skip):
    network = shape(layers, skip=skip)
    names = ("past", "current", "residual", "skip", "hidden", "output")
    assert Shape(layers, skip=skip).multiply_adds == sum(getattr(network, name).numel() for name in names)
