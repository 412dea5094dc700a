"""The sentences that synthetic voices read: of each kind, never the same twice, and the same ones every time."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

import pytest

from wavesynth.data.synthetic.sentences import number_in_words, sentences


def test_a_seed_gives_its_own_sentences_and_none_twice():
    some = list(islice(sentences("anna"), 3000))
    assert some == list(islice(sentences("anna"), 3000))
    assert len(set(some)) == 3000
    assert len({*some} & {*islice(sentences("peter"), 3000)}) < 300


def test_sentences_are_of_many_lengths_and_end_with_each_mark():
    some = list(islice(sentences("anna"), 1000))
    lengths = Counter(min(len(text.split()), 20) for text in some)
    assert set(range(2, 17)) <= set(lengths)
    marks = Counter(text.rstrip('"')[-1] for text in some)
    assert all(marks[mark] > 50 for mark in ".?!")


def test_a_sentence_is_words_and_marks_and_begins_with_a_capital():
    for text in islice(sentences("anna"), 2000):
        assert re.fullmatch(r"[A-Za-z' ,.?!;:…\"]+", text), text
        assert text.lstrip('"')[0].isupper(), text
        assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n (?!hour)[^aeiou]", text), text


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (40, "forty"),
        (99, "ninety nine"),
        (1215, "one thousand two hundred and fifteen"),
        (2000, "two thousand"),
    ],
)
def test_a_number_is_said_in_words(number, words):
    assert number_in_words(number) == words
