"""Text that is read aloud: the same frames however it is cut, with the times of words, marks and pauses."""

import numpy as np
import pytest

from tests.voices_for_tests import make_text_voice, make_voice
from wavesynth.models.text_config import PAUSES, PHONEMES
from wavesynth.text.inventory import INVENTORY
from wavesynth.text.network import speaking_network
from wavesynth.text.reader import TextReader
from wavesynth.text.speech import MelPiece, TextOptions, TextSpeech
from wavesynth.text.utterance import PAUSES as READ_PAUSES
from wavesynth.text.utterance import Mark, Token, Utterance, Word
from wavesynth.text.utterance_speech import UtteranceSpeech

VOICE = make_text_voice()
TEXT = (
    "Hello there, my good friend. How are you today? I am well, and so is everybody else whom I have asked."
)


def said(text: str, cut: int = 10_000, options: TextOptions | None = None) -> list[MelPiece]:
    """All pieces of a text that is pushed in pieces of `cut` characters, pulled as far as they go each time."""
    speech, pieces = TextSpeech(VOICE, options), []
    for at in range(0, len(text), cut):
        speech.push(text[at : at + cut])
        while (piece := speech.next()) is not None:
            pieces.append(piece)
    assert not speech.ended
    speech.finish()
    while (piece := speech.next()) is not None:
        pieces.append(piece)
    assert speech.ended
    return pieces


def joined(pieces: list[MelPiece]) -> np.ndarray:
    return np.concatenate([piece.frames for piece in pieces])


def spoken(*tokens: Token, words: tuple[Word, ...] = (), marks: tuple[Mark, ...] = (), **how: float):
    """The frames, words and marks of an utterance of those tokens."""
    utterance = Utterance((Token("^"), *tokens), words, marks)
    speech = UtteranceSpeech(speaking_network(VOICE.text_network), VOICE.mel, utterance, **how)
    pieces = []
    while not speech.ended:
        pieces.append(speech.next())
    frames = np.concatenate([frames for frames, _, _ in pieces])
    return frames, [w for _, some, _ in pieces for w in some], [m for _, _, some in pieces for m in some]


@pytest.mark.parametrize("cut", [1, 7])
def test_frames_do_not_depend_on_how_the_text_is_cut(cut):
    whole, cut_up = said(TEXT), said(TEXT, cut)
    assert np.array_equal(joined(whole), joined(cut_up))
    assert [w for piece in whole for w in piece.words] == [w for piece in cut_up for w in piece.words]


def test_words_come_with_the_frames_in_which_they_begin():
    at, found = 0, []
    for piece in said(TEXT):
        end = at + len(piece.frames) * VOICE.hop
        assert all(
            at <= word.first_sample <= word.end_sample and word.first_sample < end for word in piece.words
        )
        found += piece.words
        at = end
    assert [word.text for word in found] == [TEXT[word.begin : word.end] for word in found]
    assert [word.text for word in found][:3] == ["Hello", "there", "my"]
    assert sorted(word.first_sample for word in found) == [word.first_sample for word in found]


def test_a_pause_lasts_as_long_as_a_break_says_and_a_mark_is_where_it_stands():
    hello = [Token("h", word=0), Token("ɛ", 2, 0), Token("l", word=0)]
    words = (Word("hell", 0, 4),)
    frames, _, marks = spoken(
        *hello,
        Token(",", seconds=2.0),
        Token("m", word=0),
        Token("$"),
        words=words,
        marks=(Mark("there", 5),),
    )
    silence = speaking_network(VOICE.text_network).silence
    silent = (frames == silence).all(1)
    assert silent.sum() == 200 - 24  # of two seconds, what the decoder does not make
    ((name, at),) = marks
    assert name == "there" and silent[:at].sum() == silent.sum() and not silent[at:].any()


def test_speech_at_twice_the_rate_lasts_half_as_long_and_pitch_changes_only_frames():
    plain, fast, high = (
        joined(said(TEXT, options=o)) for o in (TextOptions(), TextOptions(rate=2.0), TextOptions(pitch=1.5))
    )
    assert len(plain) / len(fast) == pytest.approx(2.0, abs=0.1)
    assert plain.shape == high.shape and not np.array_equal(plain, high)


def test_a_book_is_not_read_to_its_end_before_it_begins(monkeypatch):
    read = []

    class Counting(TextReader):
        def push(self, text):
            read.append(text)
            return super().push(text)

    monkeypatch.setattr("wavesynth.text.speech.TextReader", Counting)
    speech = TextSpeech(VOICE)
    speech.push("Some more words. " * 10_000)
    assert speech.next() is not None
    assert sum(map(len, read)) < 1000


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"rate": 9.0}, "rate is 9.0; it must be a number from 0.25 to 4"),
        ({"pitch": float("nan")}, "pitch is nan; it must be a number from 0.5 to 2"),
        ({"pitch": "high"}, "pitch is 'high'; it must be a number"),
        ({"markup": "html"}, "markup is 'html'; it must be plain or ssml"),
    ],
)
def test_wrong_options_are_refused(options, error):
    with pytest.raises(ValueError, match="^" + error + "$"):
        TextOptions(**options)


def test_what_cannot_be_said_is_refused():
    with pytest.raises(ValueError, match="takes no text"):
        TextSpeech(make_voice("mute"))
    with pytest.raises(
        ValueError, match="phoneme is 'ø', which this voice cannot say; it must be one of A I"
    ):
        spoken(Token("ø"), Token("$"))
    with pytest.raises(ValueError, match="nothing"):
        said("")


def test_the_networks_symbols_are_those_of_the_reader():
    assert PHONEMES == INVENTORY and PAUSES == READ_PAUSES
