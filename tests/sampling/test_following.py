"""The bits that the C++ sampler finds for a recording are the definition's, wherever it is cut."""

import math

import numpy as np
import pytest
import torch

from tests.sampling.networks import conditioning_for, int8, network
from wavesynth.kernels.cpu import instruction_sets
from wavesynth.sampling.backends.cpu import CpuSampler
from wavesynth.sampling.following import follow
from wavesynth.sampling.likelihood import likelihood
from wavesynth.sampling.params import SamplingParams

SAMPLES = (
    403  # a receptive field of 15, frames of 5: many pieces side by side, and a frame that ends in the middle
)


def example(activation_bits=8, **shape):
    model = network(**shape)
    weights = int8(model, activation_bits=activation_bits)
    frames = SAMPLES // weights.hop + 1
    generator = np.random.default_rng(4)
    classes = generator.integers(weights.classes, size=SAMPLES).astype(np.int32)
    return weights, classes, conditioning_for(model, frames)


def by_definition(weights, classes, conditioning):
    targets = torch.from_numpy(classes).long()
    tokens = torch.cat([torch.tensor([weights.start_token]), targets[:-1]])
    return likelihood(weights, tokens, targets, conditioning).numpy() / math.log(2)


@pytest.mark.parametrize("instruction_set", instruction_sets())
@pytest.mark.parametrize("activation_bits", [8, 16])
def test_a_sample_costs_what_the_definition_says(instruction_set, activation_bits):
    weights, classes, conditioning = example(activation_bits)
    sampler = CpuSampler(weights, instruction_set)
    bits = follow(sampler, classes, lambda numbers: conditioning.numpy()[numbers], 0, SAMPLES)
    expected = by_definition(weights, classes, conditioning)
    assert expected.max() > 12 > 2 > expected.min()  # what is unlikely costs much
    np.testing.assert_allclose(bits, expected, atol=2e-5)


@pytest.mark.parametrize("first, end", [(0, 1), (0, 17), (3, 20), (16, 403), (399, 403), (150, 311)])
def test_a_stretch_costs_what_it_costs_in_the_whole_to_the_bit(first, end):
    weights, classes, conditioning = example(stacks=1, layers_per_stack=4)
    sampler = CpuSampler(weights)
    asked = []

    def frames(numbers):
        asked.extend(numbers.tolist())
        return conditioning.numpy()[numbers]

    whole = follow(sampler, classes, frames, 0, SAMPLES)
    asked.clear()
    assert np.array_equal(follow(sampler, classes, frames, first, end), whole[first:end])
    assert max(asked) == (end - 1) // weights.hop


def test_a_stream_goes_on_after_what_it_followed_as_if_it_had_drawn_it():
    weights, _, conditioning = example()
    sampler, params = CpuSampler(weights), SamplingParams(7)
    drawn, state = sampler.sample(weights.start(), conditioning, params, 60)
    followed = weights.start()
    bits = sampler.follow([followed], [conditioning.numpy()], drawn[None].astype(np.int32), scored=False)
    assert followed.to_bytes() == state.to_bytes() and bits.shape == (1, 0)


def test_classes_that_the_network_does_not_have_are_refused():
    weights, _, conditioning = example()
    with pytest.raises(ValueError, match="a token is 32; it must be from 0 to 31"):
        CpuSampler(weights).follow([weights.start()], [conditioning.numpy()], np.full((1, 5), 32, np.int32))
