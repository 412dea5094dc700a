"""Text in pieces to utterances."""

import pytest

from wavesynth.text import PAUSES, TextReader


def test_a_sentence_is_an_utterance_of_phonemes_and_its_mark() -> None:
    utterance, *rest = TextReader().push("Hello world. And")
    assert not rest
    assert "".join(token.symbol for token in utterance.tokens) == "^həlO_wɜɹld."
    assert [word.text for word in utterance.words] == ["Hello", "world"]
    assert all((token.symbol in PAUSES) == (token.word < 0) for token in utterance.tokens)


def test_a_text_with_nothing_to_say_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing that can be said"):
        TextReader().finish()
