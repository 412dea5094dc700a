"""Spoken words to phonemes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavesynth.text import TextReader
from wavesynth.text.inventory import EXAMPLES, INVENTORY
from wavesynth.text.lexicon import entry


def phonemes(text: str) -> list[str]:
    """The phonemes of each written word of a text."""
    reader = TextReader()
    said: list[str] = []
    for utterance in reader.push(text) + reader.finish():
        for index in range(len(utterance.words)):
            tokens = [token for token in utterance.tokens if token.word == index]
            said.append("".join(["", "ˌ", "ˈ"][token.stress] + token.symbol for token in tokens))
    return said


HOMOGRAPHS = [
    ("I like to read.", "read", "ɹˈid"),
    ("I have read it.", "read", "ɹˈɛd"),
    ("He read it.", "read", "ɹˈɛd"),
    ("It was read aloud.", "read", "ɹˈɛd"),
    ("I read it yesterday.", "read", "ɹˈɛd"),
    ("Read the book.", "Read", "ɹˈid"),
    ("They live here.", "live", "lˈɪv"),
    ("A live concert.", "live", "lˈIv"),
    ("Please record it.", "record", "ɹəkˈɔɹd"),
    ("The record is old.", "record", "ɹˈɛkəɹd"),
    ("It is close to me.", "close", "klˈOs"),
    ("Close the door.", "Close", "klˈOz"),
    ("I used to sing.", "used", "jˈust"),
    ("It is used to cut bread.", "used", "jˈuzd"),
    ("We used it.", "used", "jˈuzd"),
    ("The use of it.", "use", "jˈus"),
    ("Use the other.", "Use", "jˈuz"),
    ("Lead pipes are old.", "Lead", "lˈɛd"),
    ("They lead us.", "lead", "lˈid"),
    ("I present the present.", "present", "pɹizˈɛnt"),
    ("to object", "object", "əbʤˈɛkt"),
    ("an object", "object", "ˈɑbʤəkt"),
    ("the wind", "wind", "wˈɪnd"),
    ("to wind it", "wind", "wˈInd"),
    ("The man lives in town.", "lives", "lˈɪvz"),
    ("Their lives changed.", "lives", "lˈIvz"),
    ("She records it.", "records", "ɹəkˈɔɹdz"),
    ("He wound the clock.", "wound", "wˈWnd"),
    ("The wound healed.", "wound", "wˈund"),
    ("an invalid value", "invalid", "ɪnvˈælɪd"),
    ("my resume", "resume", "ɹˈɛzəmˌA"),
]


@pytest.mark.parametrize(("text", "word", "wanted"), HOMOGRAPHS, ids=[text for text, _, _ in HOMOGRAPHS])
def test_a_homograph_sounds_as_its_neighbours_say(text: str, word: str, wanted: str) -> None:
    written = text.rstrip(".").split()
    assert phonemes(text)[written.index(word)] == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("the apple", "ði"),
        ("the pear", "ðə"),
        ("to eat", "tʊ"),
        ("to go", "tə"),
        ("a pear", "ə"),
    ],
)
def test_weak_words_depend_on_the_next_sound(text: str, wanted: str) -> None:
    assert phonemes(text)[0] == wanted


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("wavesynths", "s"),
        ("Oskar's", "z"),
        ("FBIs", "z"),
        ("James's", "ᵻz"),
        ("Google'd", "d"),
        ("Bob'll", "əl"),
        ("googled", "d"),
        ("vlogging", "ɪŋ"),
    ],
)
def test_an_ending_sounds_after_its_stem(word: str, wanted: str) -> None:
    (said,) = phonemes(word)
    assert said.endswith(wanted)


def test_letters_are_said_as_one_word_with_the_stress_on_the_last() -> None:
    assert phonemes("FBI") == ["ˌɛfbˌiˈI"]


@settings(max_examples=200, deadline=None)
@given(st.text("abcdefghijklmnopqrstuvwxyzABCXYZéüß", min_size=1, max_size=60))
def test_no_word_of_letters_is_dropped(word: str) -> None:
    (said,) = phonemes(word)
    assert said


def test_each_example_of_the_inventory_has_its_phoneme() -> None:
    assert set(EXAMPLES) == set(INVENTORY)
    for symbol, word in EXAMPLES.items():
        assert symbol in entry(word)["DEFAULT"], word
