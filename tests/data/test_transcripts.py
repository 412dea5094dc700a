"""Transcripts of recordings: read from a table, kept beside a prepared folder, and said as phonemes."""

from pathlib import Path

import pytest

from wavesynth.data import transcripts as module
from wavesynth.data.transcripts import (
    Transcript,
    keep_transcripts,
    kept_transcripts,
    read_transcripts,
    utterances,
)

DATASET = {"files": [{"stem": "one"}, {"stem": "long-001"}, {"stem": "long-002"}, {"stem": "dumb"}]}


def test_a_table_names_recordings_with_or_without_folder_and_extension(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text('text\tfile\nHello.\tone.wav\nIt\'s "late".\tletters/a.flac\nYes\ttwo\n')
    assert read_transcripts(path) == {
        "one": Transcript("Hello."),
        "letters_a": Transcript('It\'s "late".'),
        "two": Transcript("Yes"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\ttext\na\tb\n", "has the columns name, text; it must have file and text"),
        ("file\ttext\n", "has no lines; it must have one for each recording"),
        ("file\ttext\none\n", "line 2, has no file or no text; it must have both"),
    ],
)
def test_a_table_with_a_fault_is_refused(tmp_path, text, message):
    (tmp_path / "table.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_transcripts(tmp_path / "table.tsv")
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_transcripts(tmp_path / "none.tsv")


def test_a_folder_keeps_what_its_recordings_say_and_those_that_were_cut_keep_theirs_whole(tmp_path):
    table = {
        "one": Transcript("Hello\tthere."),
        "long": Transcript("A. B.", "ˈA. bˈi."),
        "other": Transcript("x"),
    }
    assert keep_transcripts(tmp_path, DATASET, table) == "1 of 4 recordings have no transcript, dumb for one"
    assert kept_transcripts(tmp_path) == {"one": Transcript("Hello there."), "long": table["long"]}


def test_transcripts_of_other_recordings_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no recording has a transcript; they name x and others, not one"):
        keep_transcripts(tmp_path, DATASET, {"x": Transcript("x")})
    with pytest.raises(ValueError, match="prepare it with --transcripts"):
        kept_transcripts(tmp_path)


def test_phonemes_that_come_ready_are_cut_into_sentences_as_text_is():
    found = utterances(Transcript("", "hˈI, ju! “wˌʌn” tˈu: θɹˈi…"))
    said = ["".join(token.symbol for token in one.tokens) for one in found]
    assert said == ["^hI,ju!", "^wʌn_tu,θɹi…"]
    assert [token.stress for token in found[0].tokens] == [0, 0, 2, 0, 0, 0, 0]
    assert [token.word for token in found[0].tokens] == [-1, 0, 0, -1, 1, 1, -1]
    with pytest.raises(ValueError, match="it must have a phoneme"):
        utterances(Transcript("", "..."))


def test_a_sentence_of_many_words_is_cut_where_a_reader_would():
    words = " ".join(["ˈA"] * 40)
    assert [len(one.words) for one in utterances(Transcript("", words))] == [15, 15, 10]


def test_allisons_transcripts_are_words():
    table = read_transcripts(Path(module.__file__).with_name("allison_transcripts.tsv"))
    assert len(table) > 500
    assert all(utterances(one) for one in list(table.values())[::50])
