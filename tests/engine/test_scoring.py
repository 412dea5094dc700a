"""The score of a recording: the bits of its samples under a voice, whatever the kind, however it is cut."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from tests.engine.engines import clip
from tests.voices.memory import memory_late_in_a_recording
from tests.voices_for_tests import make_voice
from wavesynth.audio.companding import encode
from wavesynth.audio.score import Score
from wavesynth.engine import scoring
from wavesynth.engine.converted import conditioning_mel
from wavesynth.engine.scoring import arithmetic_of, costs, score
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.networks import Network
from wavesynth.sampling.int8 import Scales
from wavesynth.sampling.reference import step

VOICES = {
    "plain": make_voice(),
    "free": make_voice(mel=False),
    "speakers": make_voice(speakers=2),
}
RECORDING = clip(2000).numpy()


@pytest.mark.parametrize("name", VOICES)
def test_both_arithmetics_score_the_network_that_they_say(name):
    """Eight bits stay near float32, and are not the same."""
    int8, float32 = (score(VOICES[name], RECORDING, arithmetic=arithmetic) for arithmetic in ("", "float32"))
    assert (int8.arithmetic, float32.arithmetic) == ("int8", "float32")
    assert 0 < abs(int8.bits_per_sample - float32.bits_per_sample) < 0.1 * float32.bits_per_sample


def test_the_float32_score_is_the_sum_of_what_the_sampler_would_have_drawn_each_sample_with():
    voice, weights = VOICES["free"], VOICES["free"].float32()
    conditioning = voice.model.conditioning(None, None, frames=13)[0]
    state, expected = weights.start(), 0.0
    for target in encode(torch.from_numpy(RECORDING), 256, voice.preemphasis).tolist():
        logits = step(weights, state, conditioning[state.index // weights.hop])
        expected -= float(torch.log2(torch.softmax(logits.double(), -1)[target]))
        state.token, state.index = target, state.index + 1
    assert score(voice, RECORDING, arithmetic="float32").bits == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("arithmetic", ["int8", "float32"])
def test_stretches_and_threads_make_no_difference(arithmetic, monkeypatch):
    voice = VOICES["plain"]
    [whole] = costs(voice, RECORDING, None, arithmetic)
    monkeypatch.setattr(scoring, "STRETCH_SECONDS", 0.03)
    monkeypatch.setattr("wavesynth.voices.wavenet_bits.PIECE_FRAMES", 1)
    cut = list(costs(voice, RECORDING, None, arithmetic, threads=3))
    assert len(cut) == 5
    np.testing.assert_allclose(np.concatenate(cut), whole, atol=0 if arithmetic == "int8" else 1e-4)


@pytest.mark.parametrize("arithmetic", ["int8", "float32"])
def test_a_stretch_takes_no_more_memory_late_in_a_recording(arithmetic):
    assert memory_late_in_a_recording(VOICES["plain"], arithmetic) < 2 << 20


def test_other_scales_do_not_get_the_sampler_of_scales_that_are_gone():
    """Not even when they lie where those lay."""
    voice = make_voice()
    halved = {f.name: 0.5 * getattr(voice.scales, f.name) for f in fields(voice.scales)}
    expected = score(replace(make_voice(), scales=Scales(**halved)), RECORDING).bits
    first = replace(voice, scales=replace(voice.scales))
    assert score(first, RECORDING).bits != expected
    place = id(first.scales)
    del first
    made = [Scales(**halved)]
    while id(made[-1]) != place and len(made) < 10_000:
        made.append(Scales(**halved))
    assert score(replace(voice, scales=made[-1]), RECORDING).bits == expected


def test_the_speaker_counts():
    one, other = (score(VOICES["speakers"], RECORDING, speaker) for speaker in ("", "speaker-1"))
    assert (one.speaker, other.speaker) == ("speaker-0", "speaker-1") and one.bits != other.bits


def test_a_voice_with_a_converter_is_told_what_its_converter_makes():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        converter = Converter(ConverterConfig(channels=16, past=4, look_ahead=9)).requires_grad_(False).eval()
    voice = replace(VOICES["plain"], converter_network=Network.of(converter))
    heard = torch.from_numpy(conditioning_mel(VOICES["plain"], RECORDING))[None]
    expected = converter.convert(heard, voice.mel.silence)[0]
    np.testing.assert_allclose(conditioning_mel(voice, RECORDING), expected, atol=1e-4)
    assert score(voice, RECORDING).bits != score(VOICES["plain"], RECORDING).bits


def test_frames_are_means_and_the_whole_is_their_sum():
    made = Score.of("v", "", "int8", 16000, 4, np.array([1, 2, 3, 4, 5, 6], np.float32))
    assert made.frame_bits.tolist() == [2.5, 5.5] and made.bits == 21 and made.bits_per_sample == 3.5
    assert made.to_csv() == "seconds,bits_per_sample\n0,2.5000\n0.00025,5.5000\n"


def test_what_cannot_be_scored_is_named():
    voice = VOICES["plain"]
    with pytest.raises(
        ValueError, match=r"audio has 799 samples at 16000 hertz; .* a window of the log-mel, 800"
    ):
        score(voice, RECORDING[:799])
    with pytest.raises(ValueError, match="arithmetic is 'bf16'; it must be one of int8, float32"):
        score(voice, RECORDING, arithmetic="bf16")
    with pytest.raises(ValueError, match="speaker"):
        score(voice, RECORDING, "nobody")


def test_a_kind_without_a_likelihood_says_so(monkeypatch):
    monkeypatch.setattr(type(VOICES["plain"].of_kind), "likelihoods", ())
    with pytest.raises(
        ValueError, match="voice tiny is of kind wavenet, which has no likelihood to score by"
    ):
        arithmetic_of(VOICES["plain"])
