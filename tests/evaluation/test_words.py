import re

import pytest

from wavesynth.evaluation.words import SHIPPED_TRANSCRIPTS, errors, nearest_beginning, read_transcripts, words


def test_case_punctuation_and_brackets_are_no_words():
    assert words("Don’t press 2, PLEASE: voice-mail [beep] (soft) 28.8!") == [
        "don't", "press", "two", "please", "voice", "mail", "28.8",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "heard", "count"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a x c", 1),
        ("a b c", "a c", 1),
        ("a b", "a x b y", 2),
        ("a b", "", 2),
        ("", "a", 1),
    ],
)
def test_errors_are_substitutions_deletions_and_insertions(said, heard, count):
    assert errors(said.split(), heard.split()) == count


def test_of_a_cut_recording_only_what_it_still_says_is_held_against_the_copy():
    said = ["if", "you", "dial", "one", "you", "can", "try"]
    assert nearest_beginning(said, ["if", "you", "style", "one", "you"]) == [
        "if",
        "you",
        "dial",
        "one",
        "you",
    ]
    assert nearest_beginning(said, said) == said
    assert nearest_beginning(said, []) == []


def test_transcripts_are_read_by_the_names_that_prepare_gives(tmp_path):
    table = tmp_path / "texts.tsv"
    table.write_text(
        '# who said it\nfile\tspeaker\ttext\ndigits/1.wav\ta\tOne.\nb.flac\ta\tsay "no\nc.flac\n'
    )
    assert read_transcripts(table) == {"digits_1": "One.", "b": 'say "no', "c": ""}


def test_a_file_without_the_columns_is_refused_in_a_sentence(tmp_path):
    table = tmp_path / "texts.tsv"
    table.write_text("name\ttext\na\tb\n")
    with pytest.raises(ValueError, match=r"texts\.tsv lacks the column file"):
        read_transcripts(table)
    table.write_bytes(b"file\ttext\n\xff\tb\n")
    with pytest.raises(ValueError, match="is not UTF-8 in line"):
        read_transcripts(table)


def test_the_shipped_texts_are_those_of_the_test_set():
    listed = SHIPPED_TRANSCRIPTS.parents[1] / "allison_test.txt"
    stems = {line for line in listed.read_text().split("\n") if line and not line.startswith("#")}
    texts = read_transcripts(SHIPPED_TRANSCRIPTS)
    assert all(texts.values())
    assert {re.sub(r"-00\d$", "", name) for name in texts} == stems
