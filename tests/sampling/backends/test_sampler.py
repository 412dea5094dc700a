"""The samplers of many streams at once, against the definition of one."""

import numpy as np
import pytest

from tests.sampling.networks import conditioning_for, float32, int8, network
from wavesynth.sampling.backends.reference import BatchSampler
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.reference import sample


@pytest.mark.parametrize("weights", [int8(network()), float32(network())], ids=["int8", "float32"])
def test_streams_in_a_batch_are_what_each_is_alone(weights):
    sampler = BatchSampler(weights)
    keys = SamplingParams(3, 0.5), SamplingParams(4, 1.0), SamplingParams(2**64 - 1, 1.5)
    frames = [conditioning_for(network(), 12, seed) for seed in range(3)]
    states = [sampler.start() for _ in keys]
    for state, key, own, ahead in zip(states, keys, frames, (1, 7, 16), strict=True):
        sampler.advance([state], [own], [key], ahead)  # so that no two are at the same sample
    later = [own[state.index // 5 :] for own, state in zip(frames, states, strict=True)]
    together = sampler.advance(states, later, keys, 30)
    for number, (key, own, ahead) in enumerate(zip(keys, frames, (1, 7, 16), strict=True)):
        alone, state = sample(weights, weights.start(), own, key, ahead + 30)
        assert np.array_equal(together[number], alone[ahead:].numpy())
        assert states[number].index == state.index and states[number].token == state.token
        assert np.allclose(states[number].queues, state.queues, atol=1e-5)
