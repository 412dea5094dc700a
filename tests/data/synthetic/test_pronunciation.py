"""Phonemes of sentences from lexicons alone: of an invented lexicon here, as misaki's package would have it."""

from __future__ import annotations

import json
import sys

import pytest

from wavesynth.data.synthetic.pronunciation import Pronunciation

GOLD = {
    "cat": "kˈæt", "bus": "bˈʌs", "dog": "dˈɔɡ", "want": "wˈɑnt", "play": "plˈA", "apple": "ˈæpᵊl", "Anna": "ˈænə",
    "and": "ənd",
    "that": {"DEFAULT": "ðæt", "None": "ðˈæt"},
}  # fmt: skip


@pytest.fixture
def american(tmp_path, monkeypatch):
    """The pronunciation of a lexicon of few words."""
    folder = tmp_path / "misaki/data"
    folder.mkdir(parents=True)
    (tmp_path / "misaki/__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "us_gold.json").write_text(json.dumps(GOLD), "utf-8")
    (folder / "us_silver.json").write_text(json.dumps({"cat": "wrong", "tiger": "tˈIɡəɹ"}), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "misaki"]:
        monkeypatch.delitem(sys.modules, name)
    yield Pronunciation("us")
    for name in [name for name in sys.modules if name.partition(".")[0] == "misaki"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("Cat, tiger!", "kˈæt, tˈIɡəɹ!"),
        ("The cat, the apple.", "ðə kˈæt, ði ˈæpᵊl."),
        ("To a dog, to an apple", "tʊ ɐ dˈɔɡ, tʊ ɐn ˈæpᵊl"),
        ("To cats and a cat", "tə kˈæts ənd ɐ kˈæt"),
        ("Anna wanted cats.", "ˈænə wˈɑntᵻd kˈæts."),
        ("Dogs, buses; Anna's apples?", "dˈɔɡz, bˈʌsᵻz; ˈænəz ˈæpᵊlz?"),
        ('"I played," Anna played.', "ˌI plˈAd, ˈænə plˈAd."),
        ("That cat, that.", "ðæt kˈæt, ðˈæt."),
    ],
)
def test_words_are_pronounced_as_the_lexicon_and_their_neighbours_say(american, text, phonemes):
    assert american(text) == phonemes


def test_a_word_that_is_in_no_lexicon_is_named(american):
    with pytest.raises(ValueError, match="'zebra' is in no lexicon of misaki"):
        american("The zebra.")
