"""The whole of it: what a voice predicts, what it makes of clips, and the figures of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.data.dataset import Recordings
from wavesynth.data.processes import share_out
from wavesynth.data.provenance import Provenance
from wavesynth.data.split import Split
from wavesynth.evaluation.bits import measure_bits
from wavesynth.evaluation.clips import LONGEST_CLIP, Clip, choose_clips
from wavesynth.evaluation.long_form import long_input, measure_long_form
from wavesynth.evaluation.measure import Comparison, Measured, measure, summarise
from wavesynth.evaluation.report import ReportClip
from wavesynth.evaluation.speakers import speaker
from wavesynth.voices.voice import Voice

__all__ = ["Settings", "Speak", "Track", "evaluate"]

T = TypeVar("T")

#: Makes audio of each (recording [N], or seconds for a voice that needs no recording; seed), in order.
Speak = Callable[[Sequence[tuple[NDArray[np.float32] | float, int]]], Iterator[NDArray[np.float32]]]


class Track(Protocol):
    """Shows how far a piece of work is."""

    def __call__(self, name: str, results: Iterable[T], total: int) -> Iterable[T]:
        """The `results`, of which there will be `total`, as they come."""


@dataclass(frozen=True)
class Settings:
    """What to measure on; see `wavesynth evaluate --help`."""

    split: Split = "test"
    clips: int = 16
    seed: int = 0
    speaker: str = ""
    language: str = ""
    target: Recordings | None = None
    without: frozenset[str] = frozenset()
    int8_seconds: float = 8.0
    long_form: float = 0.0
    processes: int = 1
    allow_trained: bool = False


def evaluate(
    voice: Voice,
    provenance: Provenance | None,
    recordings: Recordings,
    transcripts: Mapping[str, str],
    settings: Settings,
    speak: Speak,
    track: Track,
    uncorrected: Speak | None = None,
) -> tuple[dict[str, Any], list[ReportClip]]:
    """The figures, ready for JSON, and the clips to listen to; `provenance` is what the voice has heard, if known.

    `uncorrected` makes the copies that `speak` makes, without the correction, if `speak` corrects and both are wanted.

    Raises ValueError when recordings and voice do not fit, when there are none in the split, or when the voice has
    heard some of them, unless the settings allow it.
    """
    if recordings.sample_rate != voice.sample_rate:
        raise ValueError(
            f"{recordings.path} has a sample rate of {recordings.sample_rate} Hz; it must be {voice.name}'s, "
            f"{voice.sample_rate}"
        )
    language = settings.language or voice.language
    number = voice.speaker_number(settings.speaker)
    split = list(recordings.split(settings.split))
    if not split:
        raise ValueError(f"{recordings.path} has no recordings in its {settings.split} split")
    heard_before, heard_notes = _heard_before(voice.name, provenance, recordings, split, settings, track)
    clock = [time.monotonic()]
    bits = None
    if "bits" not in settings.without and voice.of_kind.likelihoods:
        bits = measure_bits(
            voice,
            split,
            number,
            settings.int8_seconds,
            settings.processes,
            lambda results, total: track("bits/sample", results, total),
        )
    clock.append(time.monotonic())
    figures: dict[str, Any] = {
        "voice": voice.name,
        "description": voice.description,
        "licence": voice.licence,
        "sample_rate": voice.sample_rate,
        "layers": voice.layers,
        "data": str(recordings.path),
        "split": settings.split,
        "seed": settings.seed,
        "speaker": "" if number is None else voice.speakers[number],
        "language": language,
        "target": settings.target and str(settings.target.path),
        "heard_before": heard_before,
        "bits_per_sample": bits and asdict(bits),
        "notes": [],
    }
    if not voice.takes_mel:
        [sample] = track("speaking", speak([(LONGEST_CLIP, settings.seed)]), 1)
        clock.append(time.monotonic())
        figures["notes"].append(
            "the voice has no mel conditioning: it cannot copy a recording, and speaks freely"
        )
        heard = [ReportClip("a sample", {voice.name: sample}, {})]
    else:
        clips = choose_clips(split, voice.sample_rate, settings.clips)
        wanted = [(clip.samples, (settings.seed + place) % 2**64) for place, clip in enumerate(clips)]
        copies = list(track("speaking", speak(wanted), len(clips)))
        plain: Sequence[NDArray[np.float32] | None] = [None] * len(clips)
        if uncorrected is not None:
            plain = list(track("uncorrected", uncorrected(wanted), len(clips)))
        clock.append(time.monotonic())
        target = _target(settings.target, voice.sample_rate)
        texts, figures["notes"] = _texts(clips, transcripts, language, settings)
        classes, mid_tread = voice.companding
        tasks = [
            Comparison(
                clip,
                copy,
                texts.get(clip.name),
                settings.without,
                voice.mel,
                classes,
                voice.preemphasis,
                mid_tread,
                seed,
                target,
                before,
            )
            for clip, copy, (_, seed), before in zip(clips, copies, wanted, plain, strict=True)
        ]
        measured = list(track("measuring", share_out(measure, tasks, settings.processes), len(tasks)))
        clock.append(time.monotonic())
        figures |= {
            "clips": len(measured),
            "clip_seconds": sum(clip.seconds for clip in measured),
            "words": sum(clip.words for clip in measured),
            "rows": summarise(measured),
            "per_clip": [clip.to_json() for clip in measured],
        }
        heard = [_report_clip(voice.name, *three) for three in zip(clips, copies, measured, strict=True)]
    if settings.long_form and voice.takes_mel:
        whole = long_input([samples.numpy() for _, samples in split], settings.long_form, voice.sample_rate)
        [copy] = track("long form", speak([(whole, settings.seed)]), 1)
        clock.append(time.monotonic())
        figures["long_form"] = asdict(measure_long_form(whole, copy, voice.mel.hop, voice.sample_rate))
    figures["notes"] += heard_notes
    steps = [after - before for before, after in pairwise(clock)]
    figures["took_seconds"] = dict(zip(("bits", "speaking", "measuring", "long form"), steps, strict=False))
    return figures, heard


def _heard_before(
    name: str,
    provenance: Provenance | None,
    recordings: Recordings,
    split: Sequence[tuple[str, Tensor]],
    settings: Settings,
    track: Track,
) -> tuple[list[str] | None, list[str]]:
    """The recordings that the voice was trained on, or chosen by if they are not to choose by, None if that is not
    known; and what there is to say about it."""
    if provenance is None:
        return None, [
            f"nothing says what {name} was trained on: whether it has heard these recordings is not known"
        ]
    against = ("train",) if settings.split == "validation" else ("train", "validation")
    rate = recordings.sample_rate
    found = track("heard before?", ((stem, provenance.use_of(w, rate)) for stem, w in split), len(split))
    heard = [stem for stem, use in found if use in against]
    notes = []
    if not provenance.complete:
        notes.append(
            f"not all that {name} was trained on is known: it may have heard more of these recordings"
        )
    if heard:
        some = ", ".join(heard[:5]) + (", ..." if len(heard) > 5 else "")
        said = (
            f"{name}, or a voice that it began with, was trained on or chosen by {len(heard)} of the {len(split)} "
            f"recordings: {some}"
        )
        if not settings.allow_trained:
            raise ValueError(
                f"{said}; hold out others with wavesynth prepare --test-list FILE, or say --allow-trained"
            )
        notes.insert(0, f"{said}; the figures flatter it")
    return heard, notes


def _target(recordings: Recordings | None, sample_rate: int) -> NDArray[np.float32] | None:
    """The speaker of the validation split, whom copies are to sound like."""
    if recordings is None:
        return None
    return speaker(clip.samples for clip in choose_clips(recordings.split("validation"), sample_rate, 16))


def _texts(
    clips: Sequence[Clip], transcripts: Mapping[str, str], language: str, settings: Settings
) -> tuple[dict[str, str], list[str]]:
    """What the clips say, as far as it is known and the recogniser can tell; and what there is to say about it."""
    if "wer" in settings.without:
        return {}, []
    if not language.lower().startswith("en"):
        return {}, [f"no word errors: the language is {language!r}, and the recogniser knows only English"]
    texts = {clip.name: transcripts[clip.name] for clip in clips if clip.name in transcripts}
    if not texts:
        return {}, ["no word errors: the transcripts do not have the clips' texts"]
    if len(texts) < len(clips):
        return texts, [f"word errors in {len(texts)} of {len(clips)} clips: the others' texts are not known"]
    return texts, []


def _report_clip(voice: str, clip: Clip, copy: NDArray[np.float32], measured: Measured) -> ReportClip:
    understood = measured.heard.get("copy", "")
    return ReportClip(
        clip.name,
        {"original": clip.samples, voice: copy},
        measured.rows["copy"],
        f"understood of the copy: “{understood}”" if understood else "",
    )
