"""The lexicon and the table of letters: files that are searched where they stand."""

import importlib.util
from pathlib import Path

import pytest

from tests.without import EXTRAS, run_without
from wavesynth.text.inventory import parse_phonemes
from wavesynth.text.lexicon import Lexicon, lexicon

ROOT = Path(__file__).parents[2]
TEXT = ROOT / "wavesynth" / "text"


@pytest.mark.parametrize("name", ["lexicon_en_us.tsv", "letter_to_sound_en_us.tsv"])
def test_a_file_is_sorted_by_the_bytes_of_its_words_which_stand_in_it_once(name: str) -> None:
    words = [line.partition(b"\t")[0] for line in (TEXT / name).read_bytes().splitlines()]
    assert words == sorted(set(words))


def test_every_pronunciation_is_of_the_inventory() -> None:
    for line in (TEXT / "lexicon_en_us.tsv").read_text(encoding="utf-8").splitlines():
        for field in line.split("\t")[1:]:
            said = field.rpartition("=")[2]
            assert not said or parse_phonemes(said)


def test_a_search_finds_each_word_and_no_other(tmp_path: Path) -> None:
    words = ["a", "ab", "abc", "b", "zz", "é"]
    path = tmp_path / "words.tsv"
    path.write_text(
        "".join(f"{word}\tə{'b' * i}\tNOUN=k\n" for i, word in enumerate(words)), encoding="utf-8"
    )
    small = Lexicon(path)
    for i, word in enumerate(words):
        assert small.find(word) == {"DEFAULT": f"ə{'b' * i}", "NOUN": "k"}
    assert not any(small.find(other) for other in ("", "A", "aa", "abcd", "z", "zzz", "ê", "\udc80", "a\tə"))


def test_the_lexicon_is_what_the_tool_makes_of_misaki() -> None:
    if importlib.util.find_spec("misaki") is None:
        pytest.skip("needs misaki 0.9.4")
    spec = importlib.util.spec_from_file_location("make_lexicon", ROOT / "tools" / "make_lexicon.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.lexicon_text() == (TEXT / "lexicon_en_us.tsv").read_bytes()


def test_the_least_installation_reads_text() -> None:
    program = "from wavesynth.text import spoken_form, TextReader; print(spoken_form('5 kg')); TextReader().push('A. ')"
    assert run_without([*EXTRAS, "misaki"], program) == "five kilograms\n"


def test_letters_have_their_names() -> None:
    assert all(lexicon().find(letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
