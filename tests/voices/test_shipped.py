"""The voices that ship say what they always said.

What a voice says follows, on every processor, from its conditioning, a seed and a temperature, and the conditioning
from what it hears: integer sums, and floating-point steps that are each rounded on their own.
"""

import hashlib

import numpy as np
import pytest
import torch

from wavesynth.audio.companding import Deemphasis
from wavesynth.audio.mel import log_mel
from wavesynth.audio.pcm import pcm16
from wavesynth.engine.conditioning import StreamingConditioner
from wavesynth.engine.conversion import StreamingConverter
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.philox import philox
from wavesynth.sampling.windows import Windows
from wavesynth.synthesizer import Synthesizer
from wavesynth.text.speech import TextSpeech
from wavesynth.voices.folders import find_voices
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.voice import load_voice

#: The first 16 digits of its samples' SHA-256.
SAID = {
    "allison": "3079324745ccf3a9",
    "allison-anyone": "edd76051f46632ad",
    "allison-reads": "98c38d2ae6e78ca3",
    "allison-small": "d2c3ee5ef0296082",
    "babble": "f5be29a069d371bd",
    "five": "51250382d3939152",
    "heart-reads": "1455be047fc9cf06",
    "nsh": "d71af34aad897f0d",
    "piano": "153d9b0528109334",
    "piano-free": "f864645cd8cae1d3",
}
#: The same of its conditioning, of the voices that take log-mel.
HEARD = {
    "allison": "ecb756a0a38c2c59",
    "allison-anyone": "59175aeb23ba8e5d",
    "allison-reads": "b3c50b14a4a54806",
    "allison-small": "b3c50b14a4a54806",
    "five": "83b2f5739fe63936",
    "heart-reads": "ecb756a0a38c2c59",
    "nsh": "a496e6dd92c5bf64",
    "piano": "44fc4d53322d6035",
}
#: And of the samples of those whose kernels hear log-mel themselves.
MADE = {"allison-flow": "848579aed27d9be5", "anyone": "d41f97bf4b6fa16d"}
#: And of a voiced sound that they copy, for those who hear what is voiced.
SUNG = {"anyone": "33b1367f787521b1"}
#: And of the log-mel that those who take text make of a sentence.
READ = {"allison-reads": "17a063d86c257f67", "heart-reads": "03ce2b2108845cf2"}
#: It is read as it always was, as long as its words are pronounced as they were.
TEXT = "Hello, world: I read what you write."
SHIPPED = find_voices()


def test_every_shipped_voice_is_listed_here():
    assert set(SHIPPED) == {*SAID, *MADE}


@pytest.mark.parametrize("name", SAID)
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


@pytest.mark.parametrize("name", MADE)
def test_a_shipped_voice_makes_what_it_always_made(name):
    voice = load_voice(SHIPPED[name])
    sampler, shape = make_sampler(voice), (9, voice.mel_bands)
    words = philox(np.uint64(1), np.arange(np.prod(shape), dtype=np.uint64))
    mel = ((words >> np.uint64(8)).astype(np.float32) / 2**24 - 1).reshape(shape)
    windows = Windows(np.stack([mel[i : i + 7] for i in range(3)]), None)
    drawn = sampler.advance(
        [sampler.start()], [windows], [SamplingParams(7, voice.temperature)], 3 * voice.hop
    )[0]
    samples = pcm16(Deemphasis(voice.preemphasis).push(drawn))
    assert len(np.unique(samples)) > 20
    assert hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()[:16] == MADE[name]


@pytest.mark.parametrize("name", SUNG)
def test_a_shipped_voice_sings_what_it_always_sang(name):
    decay = np.float32(0.9) ** np.arange(100, dtype=np.float32)
    with Synthesizer(load_voice(SHIPPED[name]), threads=1) as synthesizer:
        samples = pcm16(synthesizer.synthesize(np.tile(decay / 4, 50), seed=7))
    lags = [int(np.dot(samples[2000:3000].astype(int), samples[2000 + k : 3000 + k])) for k in range(50, 160)]
    assert 50 + int(np.argmax(lags)) in (99, 100, 101)
    assert hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()[:16] == SUNG[name]


@pytest.mark.parametrize("name", HEARD)
def test_a_shipped_voice_hears_what_it_always_heard(name):
    voice = load_voice(SHIPPED[name])
    words = philox(np.uint64(2), np.arange(4000, dtype=np.uint64))
    waveform = torch.from_numpy((words >> np.uint64(8)).astype(np.float32) / 2**25)
    mel = log_mel(waveform, voice.mel)
    if voice.converter is not None:
        converter = StreamingConverter(voice.converter, voice.mel)
        mel = torch.cat([converter.push(mel), converter.finish()])
    conditioner = StreamingConditioner(voice, voice.speaker_number(""))
    frames = torch.cat([conditioner.push(mel), conditioner.finish()])
    assert hashlib.sha256(frames.numpy().astype("<f4").tobytes()).hexdigest()[:16] == HEARD[name]


@pytest.mark.parametrize("name", READ)
def test_a_shipped_voice_reads_as_it_always_did(name):
    speech = TextSpeech(load_voice(SHIPPED[name]))
    speech.push(TEXT)
    speech.finish()
    frames = []
    while (piece := speech.next()) is not None:
        frames.append(piece.frames)
    assert hashlib.sha256(np.concatenate(frames).tobytes()).hexdigest()[:16] == READ[name]


def test_every_shipped_voice_that_takes_text_is_listed_here():
    assert {name for name, folder in SHIPPED.items() if load_voice(folder).takes_text} == set(READ)
