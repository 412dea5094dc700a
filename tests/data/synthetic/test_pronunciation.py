"""Phonemes of sentences from lexicons alone: of an invented British one here, as misaki's package would have it."""

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
def british(tmp_path, monkeypatch):
    """The pronunciation by a lexicon of few words."""
    folder = tmp_path / "misaki/data"
    folder.mkdir(parents=True)
    (tmp_path / "misaki/__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "gb_gold.json").write_text(json.dumps(GOLD), "utf-8")
    (folder / "gb_silver.json").write_text(json.dumps({"cat": "wrong", "tiger": "tˈIɡəɹ"}), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "misaki"]:
        monkeypatch.delitem(sys.modules, name)
    yield Pronunciation("gb")
    for name in [name for name in sys.modules if name.partition(".")[0] == "misaki"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("Cat, tiger!", "kˈæt, tˈIɡəɹ!"),
        ("The cat, the apple.", "ðə kˈæt, ði ˈæpᵊl."),
        ("To a dog, to an apple", "tʊ ɐ dˈɔɡ, tʊ ɐn ˈæpᵊl"),
        ("To cats and a cat", "tə kˈæts ənd ɐ kˈæt"),
        ("Anna wanted cats.", "ˈænə wˈɑntɪd kˈæts."),
        ("Dogs, buses; Anna's apples?", "dˈɔɡz, bˈʌsɪz; ˈænəz ˈæpᵊlz?"),
        ('"I played," Anna played.', "ˌI plˈAd, ˈænə plˈAd."),
        ("That cat, that.", "ðæt kˈæt, ðˈæt."),
    ],
)
def test_words_are_pronounced_as_the_lexicon_and_their_neighbours_say(british, text, phonemes):
    assert british(text) == phonemes


def test_american_english_is_by_the_lexicon_of_this_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "misaki", None)
    american = Pronunciation("us")
    assert american("That bus, the apple; I waited for Anna's buses.") == (
        "ðæt bˈʌs, ði ˈæpᵊl; ˌI wˈAɾᵻd fɔɹ ˈɑnəz bˈʌsᵻz."
    )
    with pytest.raises(ImportError):
        Pronunciation("gb")


def test_a_word_that_is_in_no_lexicon_is_named(british):
    with pytest.raises(ValueError, match="'zebra' is in no lexicon of misaki"):
        british("The zebra.")
