"""Recordings with what is said in them: a table beside a prepared folder, and its text as phonemes.

A table has tab-separated columns with a line of names: `file`, the recording with or without its folder and extension;
`text`; and, if a library has made them already, `phonemes`: words of the inventory's symbols with ˈ or ˌ before a
stressed vowel, and marks. `wavesynth prepare --transcripts TABLE` keeps in OUT/transcripts.tsv what it uses of one.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wavesynth.data.split import stem_of
from wavesynth.files import atomic_path, read_text
from wavesynth.text import PAUSES, Token, Utterance, Word
from wavesynth.text.inventory import parse_phonemes
from wavesynth.text.reader import TextReader

__all__ = [
    "NAME",
    "Transcript",
    "keep_table",
    "keep_transcripts",
    "kept_transcripts",
    "read_transcripts",
    "source_of",
    "utterances",
]

NAME = "transcripts.tsv"
_COLUMNS = ("file", "text", "phonemes")
#: Where phonemes that come ready are cut, as a reader cuts text: behind a sentence's mark, behind another after so
#: many words, and after so many at the latest.
_MARKS = {":": ",", "—": ",", "–": ","}
_ENDS, _CLAUSE, _LONGEST = ".?!…", 8, 15


@dataclass(frozen=True)
class Transcript:
    """What is said in a recording."""

    text: str
    phonemes: str = ""


def read_transcripts(path: str | Path) -> dict[str, Transcript]:
    """The transcripts in a table, by their recordings' stems. Raises ValueError, naming the file and the line."""
    try:
        text = read_text(path)
    except OSError as error:
        raise ValueError(f"transcripts {path} cannot be read: {error.strerror}") from error
    lines = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    if not {"file", "text"} <= set(lines.fieldnames or ()):
        names = ", ".join(lines.fieldnames or ()) or "nothing"
        raise ValueError(f"transcripts {path} has the columns {names}; it must have file and text")
    found: dict[str, Transcript] = {}
    for number, row in enumerate(lines, 2):
        if not row["file"] or row["text"] is None:
            raise ValueError(f"transcripts {path}, line {number}, has no file or no text; it must have both")
        name = re.sub(r"\.(wav|flac|mp3|m4a|ogg|opus|g722)$", "", row["file"], flags=re.IGNORECASE)
        found[stem_of(Path(f"{name}.flac"))] = Transcript(row["text"], row.get("phonemes") or "")
    if not found:
        raise ValueError(f"transcripts {path} has no lines; it must have one for each recording")
    return found


def source_of(stem: str, known: Container[str]) -> str:
    """The recording that a prepared file is, or is a piece of; "" if it is none of the known ones."""
    whole, _, number = stem.rpartition("-")
    if stem in known:
        return stem
    return whole if len(number) == 3 and number.isdigit() and whole in known else ""


def keep_transcripts(out: Path, dataset: Mapping[str, Any], found: Mapping[str, Transcript]) -> str:
    """Writes those of the recordings of a prepared folder, and returns a sentence of what has none. Raises ValueError
    if no recording has one."""
    stems = [str(file["stem"]) for file in dataset["files"]]
    sources = {stem: source_of(stem, found) for stem in stems}
    kept = {source: found[source] for source in sources.values() if source}
    if not kept:
        example = next(iter(found))
        raise ValueError(f"no recording has a transcript; they name {example} and others, not {stems[0]}")
    with atomic_path(out / NAME) as path, path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
        table.writerow(_COLUMNS)
        for stem, one in sorted(kept.items()):
            table.writerow([stem, " ".join(one.text.split()), one.phonemes])
    lacking = [stem for stem, source in sources.items() if not source]
    if not lacking:
        return f"all {len(stems)} recordings have transcripts"
    return f"{len(lacking)} of {len(stems)} recordings have no transcript, {lacking[0]} for one"


def keep_table(out: Path, table: Path) -> None:
    """`keep_transcripts` of the recordings of a prepared folder, from a table."""
    keep_transcripts(out, json.loads((out / "dataset.json").read_bytes()), read_transcripts(table))


def kept_transcripts(folder: Path) -> dict[str, Transcript]:
    """Those of a prepared folder. Raises ValueError if it has none."""
    if not (folder / NAME).is_file():
        raise ValueError(f"{folder} has no {NAME}; prepare it with --transcripts")
    return read_transcripts(folder / NAME)


def utterances(transcript: Transcript) -> list[Utterance]:
    """What is said, as it would be read aloud. Raises ValueError for what cannot be."""
    if transcript.phonemes:
        return _of_phonemes(transcript.phonemes)
    reader = TextReader()
    return [*reader.push(transcript.text), *reader.finish()]


def _of_phonemes(phonemes: str) -> list[Utterance]:
    found: list[Utterance] = []
    tokens: list[Token] = [Token("^")]
    words: list[Word] = []

    def end(mark: str) -> None:
        nonlocal tokens, words
        if words:
            found.append(Utterance((*tokens, Token(mark)), tuple(words)))
        tokens, words = [Token("^")], []

    for word in phonemes.split():
        said = "".join(c for c in word if c not in _MARKS and c not in PAUSES and c not in '"“”()—–')
        marks = [_MARKS.get(c, c) for c in word if _MARKS.get(c, c) in PAUSES]
        if said:
            if tokens[-1].word >= 0:
                tokens.append(Token("_"))
            tokens += [Token(symbol, stress, len(words)) for symbol, stress in parse_phonemes(said)]
            words.append(Word(said, 0, 0))
        if not words:
            continue
        if marks and (marks[-1] in _ENDS or len(words) >= _CLAUSE):
            end(marks[-1])
        elif len(words) >= _LONGEST:
            end("_")
        elif marks and tokens[-1].word >= 0:
            tokens.append(Token(marks[-1]))
    end("$")
    if not found:
        raise ValueError("phonemes has nothing that can be said; it must have a phoneme")
    return found
