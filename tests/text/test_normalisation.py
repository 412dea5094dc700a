"""Written words to spoken words: the table of cases, and what must hold of any text."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavesynth.text import spoken_form
from wavesynth.text.numbers import cardinal, ordinal, roman, year
from wavesynth.text.word_lists import word_list

TABLE = Path(__file__).with_name("normalisation.tsv")


def cases() -> list[tuple[str, str]]:
    with TABLE.open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["written"], row["spoken"]) for row in rows]


@pytest.mark.parametrize(("written", "spoken"), cases(), ids=[written for written, _ in cases()])
def test_a_case_of_the_table_is_said_so(written: str, spoken: str) -> None:
    assert spoken_form(written) == spoken


def test_the_table_has_a_hundred_cases() -> None:
    written = [written for written, _ in cases()]
    assert len(written) == len(set(written)) >= 100


SMALL = word_list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = word_list("twenty thirty forty fifty sixty seventy eighty ninety")
VALUES = {word: i for i, word in enumerate(SMALL)} | {word: 10 * i for i, word in enumerate(TENS, 2)}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


def value_of(words: list[str]) -> int:
    """The number that words say."""
    total = group = 0
    for word in words:
        if word == "hundred":
            group *= 100
        elif word in SCALES:
            total, group = total + group * SCALES[word], 0
        else:
            group += VALUES[word]
    return total + group


@given(st.integers(0, 10**15 - 1))
def test_the_words_of_a_number_are_that_number(number: int) -> None:
    assert value_of(cardinal(number)) == number


@given(st.integers(1000, 9999))
def test_the_words_of_a_year_are_two_numbers_or_one(number: int) -> None:
    said = [word for word in year(number) if word != "oh"]
    split = [
        100 * value_of(said[:i]) + value_of(said[i:])
        for i in range(1, len(said))
        if not {"hundred", "thousand"} & set(said)
    ]
    assert number in (value_of(said), *split)


def test_ordinals_are_spelled_as_they_are_said() -> None:
    said = {number: ordinal(number)[-1] for number in (1, 2, 3, 4, 5, 8, 9, 12, 20, 21, 100)}
    assert " ".join(said.values()) == (
        "first second third fourth fifth eighth ninth twelfth twentieth first hundredth"
    )


@pytest.mark.parametrize("text", ["IIII", "VX", "IC", "", "ABC", "XIVX"])
def test_what_is_no_roman_numeral_has_no_value(text: str) -> None:
    assert roman(text) is None


@settings(max_examples=300, deadline=None)
@given(st.text("abcXYZ0123456789 .,:/-–$£€%&#@+°½²'’()\"!?", max_size=40))
def test_every_text_of_usual_characters_has_a_spoken_form_of_words_alone(text: str) -> None:
    said = spoken_form(text)
    assert not any(char.isdigit() for char in said)
    assert all(char.isalpha() or char in " '" for char in said), said
