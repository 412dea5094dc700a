"""A sampler of samples over a backend that draws classes."""

import numpy as np
import pytest
import torch

from tests.engine.engines import Delegating
from tests.sampling.networks import conditioning_for, int8, network
from wavesynth.audio.companding import decode
from wavesynth.sampling.backends.cpu import CpuSampler
from wavesynth.sampling.backends.mulaw import MuLawSampler
from wavesynth.sampling.params import SamplingParams

CLASSES = network().config.classes


class Later(Delegating):
    """A backend whose classes are waited for."""

    there = False

    def launch(self, *arguments):
        drawn = self.sampler.advance(*arguments)

        def wait():
            self.there = True
            return drawn

        wait.ready = lambda: self.there
        return wait


def stream(sampler):
    return [sampler.start()], [conditioning_for(network(), 12)], [SamplingParams(3)], 60


@pytest.mark.parametrize("mid_tread", [False, True])
@pytest.mark.parametrize("method", ["advance", "launch"])
def test_the_samples_are_what_the_drawn_classes_stand_for(method, mid_tread):
    backend = CpuSampler(int8(network()))
    samples = getattr(MuLawSampler(backend, CLASSES, mid_tread), method)(*stream(backend))
    classes = backend.advance(*stream(backend))
    assert samples.shape == (1, 60) and samples.dtype == np.float32
    assert np.array_equal(samples, decode(torch.from_numpy(classes), CLASSES, mid_tread).numpy())


def test_samples_of_classes_that_are_drawn_elsewhere_are_waited_for():
    backend = Later(CpuSampler(int8(network())))
    pending = MuLawSampler(backend, CLASSES, mid_tread=True).launch(*stream(backend))
    assert not pending.ready()
    expected = MuLawSampler(backend.sampler, CLASSES, mid_tread=True).advance(*stream(backend))
    assert np.array_equal(pending(), expected)
    assert pending.ready()
