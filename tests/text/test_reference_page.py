"""The page about text says what the code does."""

import csv
import re
from pathlib import Path

from wavesynth.text.inventory import EXAMPLES
from wavesynth.text.markup import TAGS
from wavesynth.text.pronounce import pronounce
from wavesynth.text.prosody import PITCHES, RATES, STRENGTHS
from wavesynth.text.say_as import KINDS
from wavesynth.text.spoken import Spoken

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "text.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[re.sub(r"^`([^`]*)`$", r"\1", cell) for cell in line[2:-2].split(" | ")] for line in lines[1:]]


def test_the_page_has_every_phoneme_with_its_word() -> None:
    on_page = {symbol: (word, said) for symbol, _, word, said in rows("Phonemes")}
    assert {symbol: word for symbol, (word, _) in on_page.items()} == EXAMPLES
    for word, said in on_page.values():
        (phonemes,) = pronounce([Spoken(word)], {})
        assert said == "".join(["", "ˌ", "ˈ"][stress] + symbol for symbol, stress in phonemes)


def test_the_page_has_every_case_of_normalisation() -> None:
    with Path(__file__).with_name("normalisation.tsv").open(encoding="utf-8") as file:
        cases = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    assert rows("Numbers, abbreviations, signs") == cases


def test_the_page_has_every_element_of_ssml_with_its_values() -> None:
    table = rows("SSML")
    assert set(re.findall(r"[\w-]+", " ".join(row[0] for row in table))) == set(TAGS)
    values = " ".join(row[1] for row in table)
    for value in (
        *KINDS,
        *STRENGTHS,
        *(r for r in RATES if r != "default"),
        *(p for p in PITCHES if p != "default"),
    ):
        assert f"`{value}`" in values
