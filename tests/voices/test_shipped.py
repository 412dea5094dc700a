"""The voices that ship say what they always said.

What a voice says follows, on every processor, from its conditioning, a seed and a temperature: integer sums, and
floating-point steps that are each rounded on their own. The conditioning is a product of float32 matrices, whose last
bits PyTorch leaves to the processor; so here it is made of random numbers.
"""

import hashlib

import numpy as np
import pytest
import torch

from wavesynth.audio.companding import Deemphasis
from wavesynth.audio.pcm import pcm16
from wavesynth.sampling.philox import philox
from wavesynth.sampling.reference import SamplingParams
from wavesynth.voices.folders import find_voices
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.voice import load_voice

#: The first 16 digits of its samples' SHA-256.
SAID = {
    "allison": "3079324745ccf3a9",
    "allison-anyone": "edd76051f46632ad",
    "allison-small": "d2c3ee5ef0296082",
    "babble": "f5be29a069d371bd",
    "five": "51250382d3939152",
    "nsh": "d71af34aad897f0d",
    "piano": "153d9b0528109334",
    "piano-free": "f864645cd8cae1d3",
}
SHIPPED = find_voices()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_voice_says_what_it_always_said(name):
    voice = load_voice(SHIPPED[name])
    sampler = make_sampler(voice)
    c = voice.model.config
    shape = 5, c.layers, 2 * c.residual
    words = philox(np.uint64(1), np.arange(np.prod(shape), dtype=np.uint64))
    conditioning = torch.from_numpy((words >> np.uint64(8)).astype(np.float32) / 2**23 - 1).view(shape)
    key = SamplingParams(7, voice.temperature)
    drawn = sampler.advance([sampler.start()], [conditioning], [key], 5 * c.hop)[0]
    samples = pcm16(Deemphasis(voice.preemphasis).push(drawn))
    assert len(np.unique(drawn)) > 20
    said = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()[:16]
    assert said == SAID[name]
