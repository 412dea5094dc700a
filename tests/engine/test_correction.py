"""Streams that are corrected towards the log-mel that they are made from."""

import numpy as np
import pytest
import torch

from tests.engine.engines import (
    VOICES,
    audio,
    chunks,
    clip,
    definition,
    from_audio,
    opened,
    running,
    until,
)
from wavesynth.audio.companding import Deemphasis, decode
from wavesynth.audio.correction import SpectralCorrection
from wavesynth.audio.mel import log_mel
from wavesynth.audio.pcm import pcm16
from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.engine.conditioning import StreamingConditioner
from wavesynth.engine.stream import EngineRequest
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.reference import sample

VOICE = VOICES["tiny"].voice


def corrected(waveform, seed):
    """The 16-bit samples of a corrected request for audio, put together from the definitions."""
    mel = log_mel(waveform, VOICE.mel)
    conditioner = StreamingConditioner(VOICE)
    frames = torch.cat([conditioner.push(mel), conditioner.finish()])
    weights = VOICE.int8()
    tokens, _ = sample(weights, weights.start(), frames, SamplingParams(seed), len(waveform))
    made = Deemphasis(VOICE.preemphasis).push(decode(tokens, mid_tread=VOICE.mid_tread).numpy())
    correction = SpectralCorrection(VOICE.mel, 2)
    return pcm16(np.concatenate([correction.push(made, mel.numpy()), correction.finish()]))


@pytest.fixture(scope="module")
def waveform():
    return clip(1300)


@pytest.fixture(scope="module")
def expected(waveform):
    """What seed 3 makes of it, corrected."""
    made = corrected(waveform, 3).tobytes()
    assert made != definition(waveform, 3)
    return made


@pytest.mark.parametrize("chunk", [160, 50, 1000])
def test_a_corrected_stream_is_the_correction_of_the_stream(waveform, expected, chunk):
    with running(chunk=chunk) as engine:
        stream = opened(engine, from_audio(seed=3, correction=2), *waveform.split(330))
        read = chunks(stream)
    assert b"".join(c.samples.tobytes() for c in read) == expected
    firsts = [c.first_sample for c in read]
    assert firsts == list(np.cumsum([0, *(len(c.samples) for c in read[:-1])]))
    assert read[-1].statistics.samples == 1300


def test_mel_frames_are_corrected_towards_as_audio_is(waveform):
    whole = waveform[:1280]  # mel frames make whole hops
    mel = log_mel(whole, VOICE.mel)
    with running() as engine:
        request = EngineRequest("tiny", "mel", SamplingParams(3), correction=2)
        assert audio(opened(engine, request, *mel.split(2))) == corrected(whole, 3).tobytes()


def test_a_stream_that_is_not_corrected_gathers_no_log_mel(waveform):
    plane = ComposedPlane(VOICES["tiny"])
    with running(planes={"tiny": plane}) as engine:
        stream = opened(engine, from_audio(seed=3), waveform)
        audio(stream)
    assert len(stream.pipeline.source.target_mel()) == 0


@pytest.mark.parametrize("first", [1, 159, 700, 1299])
def test_a_corrected_stream_can_be_resumed_at_any_sample(waveform, expected, first):
    with running() as engine:
        read = chunks(opened(engine, from_audio(seed=3, correction=2, first_sample=first), waveform))
    assert b"".join(c.samples.tobytes() for c in read) == expected[2 * first :]
    assert read[0].first_sample == first and read[-1].statistics.samples == 1300 - first


def test_while_the_input_goes_on_audio_follows_it_by_the_analysis_and_36_ms():
    with running() as engine:
        stream = engine.open(from_audio(correction=1))
        stream.push(clip(640 + 576 + 880))
        read = []
        while sum(len(chunk.samples) for chunk in read) < 640:
            read += until(stream.take)
        stream.cancel()
    assert read[0].first_sample == 0
