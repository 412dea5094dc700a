"""The library's score of a recording; what it is made of is tested in tests/engine/test_scoring.py."""

import numpy as np
import pytest

from tests.voices_for_tests import make_voice
from wavesynth.synthesizer import Synthesizer

RECORDING = np.random.default_rng(0).uniform(-0.3, 0.3, 4000)


@pytest.fixture(scope="module")
def tiny():
    with Synthesizer(make_voice(), threads=1) as synthesizer:
        yield synthesizer


def test_a_score_is_that_of_the_recording_at_the_voices_rate(tiny):
    whole = tiny.score(RECORDING)
    assert whole.samples == 4000 and len(whole.frame_bits) == 25
    assert tiny.score(RECORDING.astype(np.float32)).bits == whole.bits
    assert tiny.score(RECORDING, sample_rate=8000).samples == 8000
    assert tiny.score(RECORDING, arithmetic="float32").arithmetic == "float32"


def test_a_voice_that_takes_no_recording_can_score_one():
    with Synthesizer(make_voice(mel=False), threads=1) as synthesizer:
        assert synthesizer.score(RECORDING).bits > 0


def test_what_cannot_be_scored_is_named(tiny):
    for audio, named in (
        (RECORDING[:799], "audio has 799 samples"),
        (np.full(1000, np.nan), "audio has NaN"),
        (np.zeros((1000, 2)), "audio has shape"),
    ):
        with pytest.raises(ValueError, match=named):
            tiny.score(audio)
    with pytest.raises(ValueError, match="sample_rate is 4000"):
        tiny.score(RECORDING, sample_rate=4000)
