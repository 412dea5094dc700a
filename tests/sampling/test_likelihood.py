import math

import pytest
import torch
import torch.nn.functional as F

from tests.sampling.networks import conditioning_for, float32, int8, network
from wavesynth.sampling import likelihood as module
from wavesynth.sampling.likelihood import bits_per_sample, likelihood
from wavesynth.sampling.reference import step


@pytest.fixture(params=[float32, int8], ids=lambda pack: pack.__name__)
def example(request):
    model = network()
    targets = torch.randint(32, (57,), generator=torch.Generator().manual_seed(3))
    tokens = torch.cat([torch.tensor([model.config.start_token]), targets[:-1]])
    return request.param(model), tokens, targets, conditioning_for(model, 12)


def test_the_likelihood_is_that_of_the_sampler(example, monkeypatch):
    weights, tokens, targets, conditioning = example
    monkeypatch.setattr(module, "POSITIONS_AT_ONCE", 20)  # so that there is more than one piece
    state, expected = weights.start(), []
    for token, target in zip(tokens.tolist(), targets, strict=True):
        state.token = token
        logits = step(weights, state, conditioning[state.index // weights.hop])
        state.index += 1
        expected.append(F.cross_entropy(logits, target))
    nats = likelihood(weights, tokens, targets, conditioning)
    assert nats.std() > 0.5
    assert torch.allclose(nats, torch.stack(expected), atol=1e-5)


def test_bits_are_the_mean_over_what_is_scored(example):
    nats = likelihood(*example)
    assert bits_per_sample(*example, burn_in=7) == pytest.approx(float(nats[7:].mean()) / math.log(2))


def test_lengths_that_do_not_fit_are_refused(example):
    weights, tokens, targets, conditioning = example
    with pytest.raises(ValueError, match=r"shapes \[57\] and \[56\]; both must be \[T\]"):
        likelihood(weights, tokens, targets[1:], conditioning)
    with pytest.raises(ValueError, match="conditioning has 11 frames of 5 samples; 57 need more"):
        likelihood(weights, tokens, targets, conditioning[:11])
