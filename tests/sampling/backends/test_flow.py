"""The native sampler of frame flows against the density that it samples from, and against itself."""

import numpy as np
import pytest
import torch

from wavesynth.audio.mel import MelConfig
from wavesynth.kernels.cpu import instruction_sets
from wavesynth.models.frame_flow import FrameFlow, FrameFlowConfig
from wavesynth.networks import Network
from wavesynth.sampling.backends.flow import FlowSampler
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.philox import uniforms
from wavesynth.sampling.windows import Windows

FRAMES, HOP = 6, 48
SHAPES = {
    "usual": {},
    "no past": {"past": 0, "lags": 0},
    "no couplings, short past": {"couplings": 0, "lags": 32, "past": 3, "order": 9},
    "odd couplings, wide": {"couplings": 5, "residual": 32, "layers": 4, "block": 8},
}


def network(**values):
    torch.manual_seed(1)
    shape = {
        "order": 5,
        "past": 20,
        "layers": 3,
        "residual": 16,
        "skip": 32,
        "coupling_channels": 16,
        "hop": HOP,
    }
    module = FrameFlow(FrameFlowConfig(**shape | {"mel_bands": 7, "mel_channels": 32} | values))
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if "output" in name or "bias" in name:
                weight += 0.1 * torch.randn_like(weight)
    return Network.of(module.eval().requires_grad_(False))


def log_mel(seed):
    return np.random.default_rng(seed).normal(0, 0.3, (FRAMES + 6, 7)).astype(np.float32)


def windows(mel, first=0, frames=FRAMES):
    return Windows(np.stack([mel[i : i + 7] for i in range(first, first + frames)]), None)


def sample(sampler, pieces, seed=3, temperature=0.7, mel=None):
    """A stream that is cut into pieces of so many samples, [FRAMES * HOP]."""
    mel, state, made = log_mel(seed) if mel is None else mel, sampler.start(), []
    for n in pieces:
        first = state.index // HOP
        heard = windows(mel, first, (state.index + n - 1) // HOP - first + 1)
        made.append(sampler.advance([state], [heard], [SamplingParams(seed, temperature)], n)[0])
    return np.concatenate(made)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_its_latents_are_those_that_were_drawn(shape):
    flow, mel = network(**shape), log_mel(3)
    samples = sample(FlowSampler(flow), [FRAMES * HOP])
    assert 0.001 < np.abs(samples).max() < 1  # nothing was clipped
    z, _ = flow.module.latent(torch.from_numpy(samples)[None], torch.from_numpy(mel)[None])
    u = uniforms(3, 0, FRAMES * HOP).astype(np.float64)
    drawn = 0.7 * np.log(u / (1 - u))
    wrong = (
        np.abs(z.numpy().reshape(drawn.shape) - drawn) > 0.02
    )  # the gates are within 1e-4 (sampling.int8.GATE)
    assert wrong.mean() < 0.05  # where two periods are equally like, a block may hear the other
    assert np.median(np.abs(z.flatten().numpy() - drawn)) < 0.002


def test_its_bytes_do_not_depend_on_cuts():
    sampler = FlowSampler(network())
    whole = sample(sampler, [FRAMES * HOP])
    for pieces in ([48] * 6, [1] * 40 + [248], [7, 160, 100, 21], [16, 272], [17, 271]):
        assert sample(sampler, pieces).tobytes() == whole.tobytes()


@pytest.mark.parametrize("threads", [1, 3])
def test_its_bytes_do_not_depend_on_company(threads):
    sampler = FlowSampler(network(), threads)
    seeds = range(11)
    states = [sampler.start() for _ in seeds]
    states[4].memory[:], states[4].index = 0, HOP  # another place than the others'
    heard = [windows(log_mel(seed), 0, FRAMES) for seed in seeds]
    together = sampler.advance(states, heard, [SamplingParams(seed, 0.7) for seed in seeds], 200)
    for seed in (0, 3, 10):
        assert together[seed].tobytes() == sample(sampler, [200], seed).tobytes()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_its_bytes_do_not_depend_on_the_instruction_set(shape, monkeypatch):
    found = set()
    for name in instruction_sets():
        monkeypatch.setenv("WAVESYNTH_INSTRUCTION_SET", name)
        sampler = FlowSampler(network(**shape))
        assert sampler.device == name
        found.add(sample(sampler, [FRAMES * HOP]).tobytes())
    assert len(found) == 1


def given(sampler, samples, mel, pieces):
    """The nats of a stream's samples, given in pieces of so many frames: [blocks]."""
    state, found = sampler.start(), []
    for frames in pieces:
        first = state.index // HOP
        piece = samples[None, state.index : state.index + frames * HOP]
        found.append(sampler.follow([state], [windows(mel, first, frames)], piece)[0])
    return np.concatenate(found)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_given_samples_cost_what_the_network_says(shape, monkeypatch):
    flow, frames = network(**shape), 2 * FRAMES
    random = np.random.default_rng(0)
    mel = random.normal(0, 0.3, (frames + 6, 7)).astype(np.float32)
    # Periodic, so that no two periods are equally like; but at the beginning all are, where silence was before.
    samples = np.sin(0.14 * np.arange(frames * HOP)) + random.normal(0, 0.3, frames * HOP)
    samples = (0.02 * samples).astype(np.float32)
    said = flow.module(torch.from_numpy(samples)[None], torch.from_numpy(mel)[None])[0].numpy()
    whole = given(FlowSampler(flow), samples, mel, [frames])
    begun = len(whole) * 2 // 3
    assert np.allclose(whole[begun:], said[begun:], rtol=1e-4, atol=2e-3)
    assert given(FlowSampler(flow), samples, mel, [1, 3, 2, 6]).tobytes() == whole.tobytes()
    for name in instruction_sets():
        monkeypatch.setenv("WAVESYNTH_INSTRUCTION_SET", name)
        assert given(FlowSampler(flow), samples, mel, [frames]).tobytes() == whole.tobytes()


def test_what_is_drawn_goes_on_after_given_samples():
    sampler, mel = FlowSampler(network()), log_mel(3)
    whole = sample(sampler, [FRAMES * HOP], mel=mel)
    state = sampler.start()
    sampler.follow([state], [windows(mel, 0, 2)], whole[None, : 2 * HOP])
    rest = sampler.advance([state], [windows(mel, 2, FRAMES - 2)], [SamplingParams(3, 0.7)], 4 * HOP)[0]
    assert np.allclose(
        rest[:HOP], whole[2 * HOP : 3 * HOP], atol=1e-4
    )  # the excitation is computed, not remembered


def test_part_of_a_block_cannot_be_given():
    sampler = FlowSampler(network())
    with pytest.raises(ValueError, match="samples must be whole blocks of 16"):
        sampler.follow([sampler.start()], [windows(log_mel(0))], np.zeros((1, 10), np.float32))
    state = sampler.start()
    state.index = 8
    with pytest.raises(ValueError, match="an index must be that of a block's first sample"):
        sampler.follow([state], [windows(log_mel(0))], np.zeros((1, 16), np.float32))


def test_a_state_of_another_network_is_refused():
    sampler, other = FlowSampler(network()), FlowSampler(network(layers=1))
    with pytest.raises(ValueError, match=r"a state has \d+ numbers; it must have"):
        sampler.advance([other.start()], [windows(log_mel(0))], [SamplingParams()], 10)
    assert MelConfig().hop % FrameFlowConfig().block == 0
