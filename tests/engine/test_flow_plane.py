"""The data plane of flows and harmonic voices, which needs no PyTorch, against that in Python, which defines it."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.both_planes import converting, loaded
from tests.engine.side_by_side import Pair, run, streams
from wavesynth.engine.capacity import measure_capacity
from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.device_plane import DevicePlane
from wavesynth.engine.planes import plane_of
from wavesynth.engine.stream import EngineRequest
from wavesynth.models.frame_flow import FrameFlow
from wavesynth.models.frame_flow_config import FrameFlowConfig
from wavesynth.models.harmonic import Harmonic, HarmonicConfig
from wavesynth.networks import Network
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.voice import Voice

CONFIG = FrameFlowConfig(
    past=16, lags=32, layers=2, residual=16, skip=32, coupling_channels=16, mel_channels=32
)


def flow():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = FrameFlow(CONFIG).requires_grad_(False).eval()
    return Voice(kind="flow", name="flow", network=Network.of(network))


def harmonic():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = Harmonic(HarmonicConfig(channels=16)).requires_grad_(False).eval()
        network.dense[-1].weight.mul_(20)  # frames of noise and frames that are voiced
    return Voice(kind="harmonic", name="harmonic", network=Network.of(network), preemphasis=0.0)


VOICES = {
    "plain": loaded(flow()),
    "converting": loaded(converting(flow())),
    "harmonic": loaded(harmonic()),
}
PLANES = {name: (plane_of(voice), ComposedPlane(voice)) for name, voice in VOICES.items()}


class Crowded(DevicePlane):
    """A plane whose steps wait for a core that somebody else has."""

    def advance(self, streams, n, alone=False):
        time.sleep(0.02)
        return super().advance(streams, n, alone)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_flows_cost_is_processor_time_also_beside_other_work(threads):
    voice = VOICES["plain"].voice
    one = LoadedVoice(voice, make_sampler(voice, threads=threads))
    capacity = measure_capacity({"flow": one}, {"flow": Crowded(one)}, EngineConfig(workers=threads))
    assert capacity.streams("flow") > 1  # by the clock, a step takes twice the time of its audio
    assert (one.sampler.helpers_seconds() > 0) == (threads > 1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_samples_are_those_of_the_stages_in_python(data):
    name = data.draw(st.sampled_from(list(VOICES)))
    planes = PLANES[name]
    assert isinstance(planes[0], DevicePlane)
    several = range(data.draw(st.integers(1, 3)))
    pairs = [Pair(planes, *data.draw(streams(name, VOICES[name].voice))) for _ in several]
    run(data.draw, planes, pairs)


def test_a_flow_is_corrected():
    plane, made = PLANES["plain"][0], []
    for correction in (0, 8):
        stream = plane.open(EngineRequest("flow", "mel", correction=correction))
        stream.push(np.random.default_rng(0).uniform(-1.5, 1.5, (20, 80)).astype(np.float32))
        stream.finish()
        (n,) = plane.ready([stream], [3200])
        ((_, (samples,)),) = plane.advance([stream], n, alone=False)
        made.append(samples)
    assert len(made[0]) == len(made[1]) == 3200
    assert np.abs(made[0] - made[1].astype(np.int32)).max() > 100


def test_what_the_voice_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"^input is duration; the voice takes mel or audio$"):
        PLANES["plain"][0].open(EngineRequest("flow", "duration", samples=100))
