"""Input in pieces becomes frames, no further than they are asked for and the same for any cut."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.engines import clip
from tests.voices_for_tests import make_voice
from wavesynth.audio.executor import per_stream
from wavesynth.audio.mel import StreamingLogMel, features
from wavesynth.audio.resampling import StreamingResampler
from wavesynth.engine.source import AudioSource, DurationSource, MelSource

VOICE = make_voice("tiny")


def prepare(source, index, n):
    """How many of the `n` samples from `index` can be made, once what they need is analysed."""
    if (due := source.pending_windows(index, n)) is not None:
        source.accept_mel(per_stream(features, due, config=VOICE.mel))
    return source.ready(index, n)


def frames(source, pieces, total):
    for piece in pieces:
        source.push(piece)
    source.finish()
    assert prepare(source, 0, 10**6) == total
    return source.conditioning(0, total)


def windowed_sinc(x, ratio):
    """Every sample by the sum that defines it: Smith, "Digital Audio Resampling", 2002, with cos² of 6 crossings."""
    cutoff = 0.99 * min(1, ratio)  # of the input's Nyquist frequency
    at = np.arange(-(-len(x) * ratio.numerator // ratio.denominator)) / float(ratio)
    t = (at[:, None] - np.arange(len(x))) * float(cutoff)
    return (np.sinc(t) * np.cos(t * np.pi / 12) ** 2 * (np.abs(t) < 6) * float(cutoff)) @ x


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 24000, 44100, 44101, 48000, 96000])
def test_resampling_a_stream_is_resampling_the_whole(rate):
    waveform = clip(rate // 7)
    resampler = StreamingResampler(rate, 16000)
    got = torch.cat([*(resampler.push(piece) for piece in waveform.split(97)), resampler.finish()])
    want = windowed_sinc(waveform.double().numpy(), Fraction(16000, rate).limit_denominator(1000))
    assert len(got) == resampler.length(len(waveform)) == len(want)
    torch.testing.assert_close(got, torch.from_numpy(want).float(), atol=3e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(rate=st.sampled_from([8000, 44100, 48000]), cuts=st.lists(st.integers(0, 3000), max_size=8))
def test_a_cut_does_not_change_a_bit_of_the_resampled(rate, cuts):
    waveform = clip(3000)
    whole, parts = StreamingResampler(rate, 16000), StreamingResampler(rate, 16000)
    pieces = waveform.tensor_split(sorted(cuts))
    want = torch.cat([whole.push(waveform), whole.finish()])
    assert torch.equal(want, torch.cat([*(parts.push(piece) for piece in pieces), parts.finish()]))


@settings(max_examples=15, deadline=None)
@given(rate=st.sampled_from([16000, 48000]), cuts=st.lists(st.integers(0, 2000), max_size=8))
def test_a_cut_does_not_change_a_bit_of_the_conditioning(rate, cuts):
    waveform = clip(2000)
    total = 2000 * 16000 // rate + (rate != 16000)
    whole = frames(AudioSource(VOICE, None, rate), [waveform], total)
    assert torch.equal(
        whole, frames(AudioSource(VOICE, None, rate), waveform.tensor_split(sorted(cuts)), total)
    )


def test_the_mel_of_audio_gives_the_frames_of_the_audio():
    mel = StreamingLogMel(VOICE.mel)
    waveform = clip(1000)
    features = torch.cat([mel.push(waveform), mel.finish()])
    of_audio = frames(AudioSource(VOICE, None, 16000), [waveform], 1000)
    assert torch.equal(of_audio, frames(MelSource(VOICE, None), features.split(3), 7 * 160))


def test_no_more_is_analysed_than_was_asked_for():
    source = AudioSource(VOICE, None, 16000)
    source.push(clip(160_000))
    assert prepare(source, 0, 160) == 160
    assert source._samples == 960  # 880 are needed, and they are looked at by the hop


def test_without_enough_input_there_is_nothing_and_at_the_end_there_is_the_rest():
    source = AudioSource(VOICE, None, 16000)
    source.push(clip(1000))
    assert prepare(source, 160, 160) == 0
    source.finish()
    assert prepare(source, 160, 160) == 160
    assert prepare(source, 960, 160) == 40


def test_a_duration_has_the_same_frame_throughout():
    voice = make_voice("of-two", speakers=2, mel=False)
    source = DurationSource(voice, 1, 400)
    assert prepare(source, 320, 160) == 80
    made = source.conditioning(320, 80)
    assert torch.equal(made[0], voice.model.conditioning(speaker=torch.tensor([1]))[0, 0])


def test_speakers_differ():
    voice = make_voice("of-two", speakers=2, mel=False)
    assert not torch.equal(*(frames(DurationSource(voice, speaker, 160), [], 160) for speaker in (0, 1)))
