"""The definition: three ways to the same logits, and sampling as a pure function."""

import pytest
import torch

from tests.sampling.networks import conditioning_for, float32, int8, network
from wavesynth.sampling import reference
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.state import State

N = 40  # more than the receptive field of 15
REVERSIBLE = {"reversible": True}


@pytest.fixture(
    params=[(float32, {}), (int8, {}), (float32, REVERSIBLE), (int8, REVERSIBLE)],
    ids=lambda param: f"{param[0].__name__}-{param[1]}",
)
def weights(request):
    pack, shape = request.param
    return pack(network(**shape))


@pytest.fixture
def conditioning():
    return conditioning_for(network(), N // 5)


@pytest.mark.parametrize("shape", [{}, REVERSIBLE], ids=str)
def test_parallel_naive_and_cached_give_the_same_logits_at_every_step(conditioning, shape):
    model = network(**shape)
    weights = float32(model)
    tokens = torch.randint(32, (N,), generator=torch.Generator().manual_seed(3))
    tokens[0] = weights.start_token
    parallel = model(tokens[None], conditioning[None])[0]
    state = weights.start()
    for t in range(N):
        state.token, state.index = int(tokens[t]), t
        cached = reference.step(weights, state, conditioning[t // 5])
        naive = reference.logits_naive(weights, tokens[: t + 1], conditioning)
        torch.testing.assert_close(cached, parallel[t], atol=2e-5, rtol=1e-5)
        torch.testing.assert_close(naive, parallel[t], atol=2e-5, rtol=1e-5)


def test_naive_and_cached_draw_the_same_classes(weights, conditioning):
    cached, _ = reference.sample(weights, weights.start(), conditioning, SamplingParams(5), N)
    naive = reference.sample_naive(weights, conditioning, SamplingParams(5), N)
    assert torch.equal(cached, naive)
    assert len(set(cached.tolist())) > 5


def test_sampling_does_not_change_the_state_it_was_given(weights, conditioning):
    state = weights.start()
    before = state.to_bytes()
    _, after = reference.sample(weights, state, conditioning, SamplingParams(1), 9)
    assert state.to_bytes() == before
    assert after.index == 9


@pytest.mark.parametrize("cut", [1, 7, 15, 33])
def test_a_stream_stored_and_resumed_goes_on_with_the_same_samples(weights, conditioning, cut):
    whole, end = reference.sample(weights, weights.start(), conditioning, SamplingParams(2), N)
    first, state = reference.sample(weights, weights.start(), conditioning, SamplingParams(2), cut)
    restored = State.from_bytes(state.to_bytes())
    rest, resumed_end = reference.sample(
        weights, restored, conditioning[cut // 5 :], SamplingParams(2), N - cut
    )
    assert torch.equal(torch.cat([first, rest]), whole)
    assert resumed_end.to_bytes() == end.to_bytes()


def test_another_seed_gives_other_samples(weights, conditioning):
    samples = [
        reference.sample(weights, weights.start(), conditioning, SamplingParams(seed), N)[0]
        for seed in (1, 2**40 + 1)
    ]
    assert not torch.equal(*samples)


def test_bad_arguments_are_named(weights, conditioning):
    with pytest.raises(ValueError, match=r"conditioning has shape \[8, 6, 31\]; it must be \[F, 6, 32\]"):
        reference.sample(weights, weights.start(), conditioning[..., 1:], SamplingParams(), 4)
    with pytest.raises(ValueError, match="conditioning has 8 frames; samples 0 to 40 need 9"):
        reference.sample(weights, weights.start(), conditioning, SamplingParams(), 41)
    with pytest.raises(ValueError, match="n is 0"):
        reference.sample(weights, weights.start(), conditioning, SamplingParams(), 0)
    with pytest.raises(ValueError, match="seed is -1"):
        SamplingParams(-1)
    with pytest.raises(ValueError, match="temperature is 3"):
        SamplingParams(0, 3)


@pytest.mark.parametrize("data", [b"", b"x" * 10, b"x" * 30])
def test_bytes_that_are_no_state_are_refused(data):
    with pytest.raises(ValueError, match="state"):
        State.from_bytes(data)


def test_a_truncated_state_is_refused(weights):
    with pytest.raises(ValueError, match="it must have"):
        State.from_bytes(weights.start().to_bytes()[:-1])
