"""The library reads text aloud: whole or in pieces, with the same samples, and says when its words are spoken."""

import time

import numpy as np
import pytest

import wavesynth
from tests.voices_for_tests import make_text_voice, make_voice
from wavesynth.engine.stream import MAX_INPUT_AHEAD

TEXT = "Hello there, how are you? This is the second sentence."


@pytest.fixture(scope="module")
def synthesizer():
    with wavesynth.Synthesizer(make_text_voice(), threads=1) as synthesizer:
        yield synthesizer


def test_text_in_any_pieces_gives_the_samples_of_the_whole(synthesizer):
    whole = synthesizer.synthesize(text=TEXT, seed=1)
    for pieces in ([TEXT], list(TEXT), [TEXT[:20], "", TEXT[20:]]):
        np.testing.assert_array_equal(
            np.concatenate(list(synthesizer.stream(text=iter(pieces), seed=1))), whole
        )
    np.testing.assert_array_equal(synthesizer.synthesize(text=TEXT, seed=1, first_sample=999), whole[999:])


def test_a_stream_in_pieces_may_begin_far_behind_what_is_read_ahead(synthesizer):
    """What is made before the first sample is dropped, and its input goes on all the same."""
    text = " ".join([TEXT] * 3)
    whole = synthesizer.synthesize(text=text)
    first = len(whole) - 2000
    assert first > 2 * MAX_INPUT_AHEAD
    rest = np.concatenate(list(synthesizer.stream(text=iter([text]), first_sample=first)))
    np.testing.assert_array_equal(rest, whole[first:])


def test_a_stream_says_which_words_begin_in_its_chunks(synthesizer):
    with synthesizer.stream(text=TEXT) as stream:
        made, seen = 0, 0
        for chunk in stream:
            made += len(chunk)
            assert all(word.first_sample < made for word in stream.words[seen:])
            seen = len(stream.words)
    assert " ".join(TEXT[word.begin : word.end] for word in stream.words) == TEXT.translate(
        {44: "", 46: "", 63: ""}
    )
    assert all(a.end_sample <= b.first_sample for a, b in zip(stream.words, stream.words[1:], strict=False))


def test_marks_of_ssml_are_given_too(synthesizer):
    text = "<speak>Hello <mark name='here'/>there.</speak>"
    with synthesizer.stream(text=text, markup="ssml") as stream:
        list(stream)
    assert [mark.text for mark in stream.marks] == ["here"]
    assert stream.words[0].end_sample <= stream.marks[0].first_sample <= stream.words[1].first_sample


def test_a_voice_speaks_while_its_text_is_written(synthesizer):
    heard = []

    def written():
        yield "Hello there, how are you? This is "
        while not heard:
            time.sleep(0.01)
        yield "the second sentence."

    for chunk in synthesizer.stream(text=written()):
        heard.append(chunk)
    assert len(np.concatenate(heard)) == len(synthesizer.synthesize(text=TEXT))


def test_text_is_not_corrected_unless_asked_for(synthesizer):
    plain = synthesizer.synthesize(text=TEXT)
    np.testing.assert_array_equal(plain, synthesizer.synthesize(text=TEXT, correction=False))
    assert not np.array_equal(plain, synthesizer.synthesize(text=TEXT, correction=True))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"text": ""}, "text is ''; it must be at least one word"),
        ({"text": 3}, "text is 3; it must be a text"),
        ({"text": "?!"}, "text has nothing that can be said"),
        ({"text": TEXT, "rate": 5}, "rate is 5; it must be a number from 0.25 to 4"),
        ({"text": TEXT, "pitch": True}, "pitch is True; it must be a number"),
        ({"text": TEXT, "markup": "html"}, "markup is 'html'; it must be plain or ssml"),
        ({"text": TEXT, "pronunciations": ["a"]}, "pronunciations is \\['a'\\]; it must be texts by words"),
        ({"text": TEXT, "seconds": 1}, "exactly one of audio, mel, text and seconds must be given"),
        ({"seconds": 1, "rate": 2}, "rate is for text, and there is none"),
        ({"text": iter([TEXT])}, "the input comes in pieces"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(synthesizer, given, sentence):
    with pytest.raises(ValueError, match=sentence):
        synthesizer.synthesize(**given)


def test_pieces_that_are_no_text_end_the_stream_with_a_sentence(synthesizer):
    with pytest.raises(ValueError, match="text is 3; it must be a text"):
        list(synthesizer.stream(text=iter([3])))


def test_a_voice_that_takes_no_text_says_which_do():
    with (
        wavesynth.Synthesizer(make_voice("mute"), threads=1) as synthesizer,
        pytest.raises(ValueError, match="voice mute takes no text; those that do are"),
    ):
        synthesizer.synthesize(text=TEXT)
