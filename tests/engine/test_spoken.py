"""How long a text may be, before it is read."""

from math import inf

import pytest

from wavesynth.engine.spoken import SpokenTimes, frames_of, most_seconds
from wavesynth.text.options import TextOptions
from wavesynth.text.speech import TextSpeech
from wavesynth.voices.voice import load_voice

PLAIN = TextOptions()


@pytest.mark.parametrize("text", ["½", "7777777", "W", "№", "$7M", "W…W…", "Hello there, how are you?"])
@pytest.mark.parametrize("rate", [1.0, 0.25])
def test_no_text_takes_longer_than_was_thought(text, rate):
    options, voice = TextOptions(rate=rate), load_voice("allison-reads")
    frames = sum(len(piece) for piece in frames_of(TextSpeech(voice, options), [text], SpokenTimes()))
    assert frames * voice.hop <= most_seconds(text, options) * voice.sample_rate


def test_markup_and_pronunciations_that_may_be_of_any_length_have_no_bound():
    assert most_seconds("x" * 20, PLAIN) == 21.0
    assert most_seconds('<speak><break time="10s"/></speak>', TextOptions("ssml")) == inf
    assert most_seconds("a", TextOptions(pronunciations={"a": "one " * 1000})) == inf
