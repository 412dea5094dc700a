"""The script that measures how samples drift: what is given is the recording's, and only what follows is made."""

import numpy as np
import pytest
import torch

from experiments.free_running import FRAMES, GIVEN, continued, differences
from tests.voices_for_tests import make_voice
from wavesynth.audio.companding import preemphasised
from wavesynth.models.frame_flow import FrameFlow
from wavesynth.models.frame_flow_config import FrameFlowConfig
from wavesynth.networks import Network
from wavesynth.sampling.params import SamplingParams
from wavesynth.voices.voice import Voice


def flow():
    shape = dict(past=16, lags=32, layers=2, residual=16, skip=32, coupling_channels=16, mel_channels=32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = FrameFlow(FrameFlowConfig(**shape)).requires_grad_(False).eval()
    return Voice(kind="flow", name="flow", network=Network.of(network))


@pytest.mark.parametrize("make", [make_voice, flow])
def test_a_voice_goes_on_by_itself_after_what_it_was_given(make):
    voice = make()
    random = np.random.default_rng(0)
    samples = (0.1 * np.sin(0.1 * np.arange(FRAMES * voice.hop))).astype(np.float32)
    told = random.normal(0, 0.3, (FRAMES + 2 * voice.mel_context, voice.mel_bands)).astype(np.float32)
    heard, one = continued(voice, samples, told, SamplingParams(0))
    _, other = continued(voice, samples, told, SamplingParams(1))
    given = GIVEN * voice.hop
    assert len(heard) == len(one) == FRAMES * voice.hop
    assert np.allclose(heard, preemphasised(samples, voice.preemphasis), atol=0.01)
    assert np.array_equal(one[:given], heard[:given])
    assert not np.array_equal(one[given:], other[given:])


def test_twice_the_amplitude_differs_by_6_db():
    signal = np.random.default_rng(0).normal(0, 0.1, FRAMES * 160).astype(np.float32)
    assert np.allclose(differences(signal, signal, 160), 0)
    assert np.allclose(differences(signal, 2 * signal, 160), 6.02, atol=0.01)
