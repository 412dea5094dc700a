"""A folder of sentences read aloud by Kokoro's voices, with what each says, in which phonemes, and when."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import soundfile

from wavesynth.data.synthetic.kokoro import FRAME, SAMPLE_RATE, Kokoro, read_style
from wavesynth.data.synthetic.pronunciation import Pronunciation
from wavesynth.data.synthetic.sentences import sentences
from wavesynth.files import atomic_path

if TYPE_CHECKING:
    from wavesynth.data.features import Track

__all__ = ["COLUMNS", "TRANSCRIPTS", "read_aloud"]

TRANSCRIPTS = "transcripts.tsv"
#: Of the transcripts. `durations` has a number more than `phonemes` has characters at each end: the silences, and the
#: unit is wavesynth.data.synthetic.kokoro.FRAME samples of the recording.
COLUMNS = ("file", "text", "phonemes", "durations")


def read_aloud(folder: Path, styles: Path, minutes: Mapping[str, float], track: Track) -> None:
    """Adds recordings to `folder` until each voice, named as a file of `styles`, has its minutes.

    A recording is VOICE-NUMBER.flac, with a line in transcripts.tsv once it is whole. So a run that was interrupted
    goes on, and somebody else may read the folder meanwhile. Each voice reads sentences of its own. Raises ValueError
    for a voice that `styles` lacks.
    """
    for voice in minutes:
        if not (styles / f"{voice}.bin").is_file():
            known = ", ".join(sorted(path.stem for path in styles.glob("[ab]*.bin")))
            raise ValueError(f"voices has {voice!r}; it must be of {known}")
    folder.mkdir(parents=True, exist_ok=True)
    _drop_half_a_line(folder / TRANSCRIPTS)
    made = _seconds_made(folder / TRANSCRIPTS)
    model = Kokoro()
    pronunciations = {
        dialect: Pronunciation(dialect) for dialect in sorted({_dialect(voice) for voice in minutes})
    }
    # A minute of a voice at a time, so that what is left to do can be shown.
    steps = [(voice, minute) for voice, of in minutes.items() for minute in range(math.ceil(of))]
    readings: dict[str, Iterator[float]] = {}
    for voice, minute in track(steps, "Reading aloud, in minutes of speech", len(steps)):
        if minute == 0:
            readings = {
                voice: _read(
                    folder, styles, voice, model, pronunciations[_dialect(voice)], made.get(voice, [])
                )
            }
        until = 60 * min(minute + 1.0, minutes[voice])
        for seconds in readings[voice]:
            if seconds >= until:
                break


def _dialect(voice: str) -> Literal["us", "gb"]:
    """That of a voice, by the first letter of its name."""
    return "gb" if voice.startswith("b") else "us"


def _read(
    folder: Path, styles: Path, voice: str, model: Kokoro, pronunciation: Pronunciation, made: list[float]
) -> Iterator[float]:
    """Makes a recording of a voice at a time, after those that are made; yields how many seconds of it there are."""
    style, seconds = read_style(styles / f"{voice}.bin"), sum(made)
    yield seconds
    for number, text in islice(enumerate(sentences(voice)), len(made), None):
        phonemes = pronunciation(text)
        speech = model(phonemes, style)
        name = f"{voice}-{number:05}"
        with atomic_path(folder / f"{name}.flac") as path:
            soundfile.write(path, np.clip(speech.samples, -1, 1), SAMPLE_RATE)
        with (folder / TRANSCRIPTS).open("a", encoding="utf-8") as file:
            file.write("\t".join((name, text, phonemes, " ".join(map(str, speech.durations)))) + "\n")
        seconds += sum(speech.durations) * FRAME / SAMPLE_RATE
        yield seconds


def _drop_half_a_line(transcripts: Path) -> None:
    """Makes the transcripts end with a whole line, the first of which names the columns."""
    text = transcripts.read_text("utf-8") if transcripts.exists() else ""
    whole = text[: text.rfind("\n") + 1] or "\t".join(COLUMNS) + "\n"
    if whole != text:
        with atomic_path(transcripts) as path:
            path.write_text(whole, "utf-8")


def _seconds_made(transcripts: Path) -> dict[str, list[float]]:
    """The seconds of each recording that there is, by voice."""
    made: dict[str, list[float]] = {}
    with transcripts.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            units = sum(map(int, row["durations"].split()))
            made.setdefault(row["file"].rpartition("-")[0], []).append(units * FRAME / SAMPLE_RATE)
    return made
