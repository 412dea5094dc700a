"""Recordings with transcripts as a text network learns from them: phonemes, their durations and prosody, log-mel.

`align_folder` finds out what takes long, the fundamental frequency and the alignment, for the training and the
validation split together. It keeps that in DATASET/text/, with a picture of some alignments beside it. `aligned` is a
split of it, of utterances as a reader gives them: recordings are cut between their utterances.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wavesynth.audio.analysis import MelConfig
from wavesynth.audio.mel import log_mel
from wavesynth.data.dataset import Recordings
from wavesynth.data.features import Track, each, untracked
from wavesynth.data.pitch import fundamental, speaker_range
from wavesynth.data.split import Split
from wavesynth.data.transcripts import kept_transcripts, source_of, utterances
from wavesynth.extras import extra
from wavesynth.files import atomic_path
from wavesynth.models.text_config import PAUSES
from wavesynth.text.utterance import Token, Utterance
from wavesynth.training.alignment import STATES, align
from wavesynth.training.alignment_plot import save_alignments

__all__ = ["SPLITS", "Recording", "align_folder", "aligned", "cut"]

SPLITS: tuple[Split, ...] = ("train", "validation")
_VERSION = 2
#: Recordings that it takes to align and to learn from; and those whose pitch says a speaker's range.
_FEWEST, _FOR_RANGE = 20, 40
#: Frames that a phoneme may last in the mean of a recording: with more, words are missing in the transcript.
_MOST_FRAMES = 40
#: Below the median score by so many median deviations, a transcript does not say what is spoken.
_OUTLYING = 6.0
#: A pause between words of so many frames is a comma's.
_COMMA = 8
#: Frames of silence that an utterance keeps at its ends, where a recording is cut.
_KEPT = 12


@dataclass(frozen=True)
class Recording:
    """An utterance as it was spoken."""

    stem: str
    tokens: tuple[Token, ...]
    durations: NDArray[np.int64]
    """Frames [P]."""
    mel: NDArray[np.float32]
    """[F, bands]."""
    hertz: NDArray[np.float32]
    """Fundamental frequency [F]; 0 where there is no voice."""
    ends: tuple[int, ...] = ()
    """Tokens at which a reader would end an utterance, but for the last."""
    begin: int = 0
    """The frame of the recording with which it begins."""


@dataclass(frozen=True)
class _Whole:
    split: Split
    stem: str
    tokens: tuple[Token, ...]
    ends: tuple[int, ...]
    mel: NDArray[np.float32]
    hertz: NDArray[np.float32]


def aligned(folder: str | Path, split: Split, mel: MelConfig, track: Track = untracked) -> list[Recording]:
    """The utterances of a split of a prepared folder, aligned now if they were not yet."""
    kept = align_folder(folder, mel, track)
    with np.load(kept) as file:
        arrays = dict(file)
    found = []
    for number, (its, stem, symbols, ends) in enumerate(json.loads(str(arrays["recordings"]))):
        if its == split:
            tokens = tuple(Token(symbol, stress) for symbol, stress in symbols)
            durations, features, hertz = (arrays[f"{name}{number}"] for name in ("durations", "mel", "hertz"))
            found += cut(Recording(stem, tokens, durations, features, hertz, tuple(ends)))
    return found


def align_folder(folder: str | Path, mel: MelConfig, track: Track = untracked) -> Path:
    """The file with the alignment of a prepared folder, which is made if it is not there.

    Raises ValueError if the folder has no transcripts or too few that fit their recordings, and for a transcript that
    cannot be said; OSError, with a sentence, where pyworld is not installed.
    """
    recordings, folder = Recordings(folder), Path(folder)
    transcripts = kept_transcripts(folder)
    pieces: dict[tuple[Split, str], list[tuple[str, int]]] = {}  # a long recording was cut; its text was not
    for split in SPLITS:
        for stem, n in recordings.files(split):
            if source := source_of(stem, transcripts):
                pieces.setdefault((split, source), []).append((stem, n))
    sources = Counter(source for _, source in pieces)
    files = [where for where in pieces if sources[where[1]] == 1]  # not one that is cut between the splits
    known = repr((_VERSION, mel, sorted(pieces.items()), [transcripts[stem] for _, stem in files]))
    name = hashlib.blake2b(known.encode(), digest_size=8).hexdigest()
    kept = folder / "text" / f"{name}.npz"
    if kept.exists():
        return kept
    if len(files) < _FEWEST:
        raise ValueError(
            f"{folder} has {len(files)} recordings with transcripts; it must have at least {_FEWEST}"
        )
    with extra("evaluate", "finding the pitch of recordings"):
        import pyworld  # noqa: F401
    samples = {
        (split, source): torch.cat([recordings.waveform(split, stem, n) for stem, n in pieces[split, source]])
        for split, source in files
    }
    rate, hop = recordings.sample_rate, mel.hop
    some = [samples[where].numpy() for where in files[:: max(1, len(files) // _FOR_RANGE)]]
    low, high = speaker_range(np.concatenate([fundamental(one, rate, hop) for one in some]))
    whole: list[_Whole | None] = [None] * len(files)
    left_out: dict[str, str] = {}

    def analyse(number: int) -> None:
        split, stem = files[number]
        try:
            tokens, ends = _joined(utterances(transcripts[stem]))
        except ValueError as error:
            left_out[stem] = str(error)
            return
        features = log_mel(samples[split, stem], mel).numpy()
        if reason := _unfitting(tokens, len(features)):
            left_out[stem] = reason
            return
        hertz = fundamental(samples[split, stem].numpy(), rate, hop, low, high)
        whole[number] = _Whole(split, stem, tokens, ends, features, hertz)

    each(analyse, range(len(files)), f"Reading {folder}", track)
    usable = [one for one in whole if one is not None]
    if len(usable) < _FEWEST:
        stem, reason = next(iter(left_out.items()))
        raise ValueError(
            f"{folder} has {len(usable)} recordings whose transcripts can be used; it must have at least {_FEWEST} "
            f"({stem}: {reason})"
        )
    found = align(
        [[token.symbol for token in one.tokens] for one in usable], [one.mel for one in usable], track
    )
    scores = np.array([one.score for one in found])
    middle = float(np.median(scores))
    deviation = float(np.median(np.abs(scores - middle)))
    arrays: dict[str, Any] = {}
    table: list[tuple[str, str, list[tuple[str, int]], tuple[int, ...]]] = []
    drawn = []
    for one, its in zip(usable, found, strict=True):
        if its.score < middle - _OUTLYING * deviation:
            left_out[one.stem] = (
                f"its words fit it badly: {its.score:.1f} nats a frame, {middle:.1f} for most"
            )
            continue
        number = len(table)
        table.append((one.split, one.stem, [(token.symbol, token.stress) for token in one.tokens], one.ends))
        arrays |= {f"durations{number}": its.durations, f"mel{number}": one.mel, f"hertz{number}": one.hertz}
        drawn.append(Recording(one.stem, one.tokens, its.durations, one.mel, one.hertz))
    kept.parent.mkdir(exist_ok=True)
    save_alignments(kept.with_suffix(".png"), drawn, hop / rate)
    reasons = "".join(f"{stem}: {reason}\n" for stem, reason in sorted(left_out.items()))
    with atomic_path(kept.with_suffix(".left-out.txt")) as path:
        path.write_text(reasons, encoding="utf-8")
    with atomic_path(kept) as path, path.open("wb") as file:
        np.savez(file, recordings=np.array(json.dumps(table)), **arrays)
    return kept


def _joined(spoken: list[Utterance]) -> tuple[tuple[Token, ...], tuple[int, ...]]:
    """The tokens of utterances that follow one another, of which each ends where the next begins; and those ends."""
    first, *others = spoken
    tokens, ends = [*first.tokens], []
    for one in others:
        ends.append(len(tokens) - 1)
        tokens += one.tokens[1:]
    return tuple(tokens), tuple(ends)


def _unfitting(tokens: tuple[Token, ...], frames: int) -> str:
    """Why a recording of so many frames cannot be one of these phonemes; "" if it can."""
    phonemes = sum(token.symbol not in PAUSES for token in tokens)
    least, most = STATES * (phonemes + 2), _MOST_FRAMES * phonemes + 200
    if frames < least:
        return f"it has {frames} frames, too few for {phonemes} phonemes; it must have at least {least}"
    if frames > most:
        return f"it has {frames} frames, too many for {phonemes} phonemes; it must have at most {most}"
    return ""


def cut(whole: Recording) -> list[Recording]:
    """The utterances of a recording, cut within the pauses between them; long pauses between words are commas'."""
    tokens = [
        replace(token, symbol=",") if token.symbol == "_" and frames >= _COMMA else token
        for token, frames in zip(whole.tokens, whole.durations.tolist(), strict=True)
    ]
    edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(whole.durations)])
    found = []
    first, begin = 0, 0
    for number, end in enumerate([*whole.ends, len(tokens) - 1]):
        pause = int(whole.durations[end])
        head = pause if end == len(tokens) - 1 else min(_KEPT, pause - pause // 2)
        until = int(edges[end]) + head
        its = [*tokens[first : end + 1]]
        lengths = [*whole.durations[first:end].tolist(), head]
        if number:  # what is left of the pause before is this sentence's beginning
            its, lengths = [Token("^"), *its], [int(edges[first]) - begin, *lengths]
        if until > begin:
            place = slice(begin, until)
            found.append(
                Recording(
                    whole.stem,
                    tuple(its),
                    np.array(lengths, np.int64),
                    whole.mel[place],
                    whole.hertz[place],
                    begin=begin,
                )
            )
        begin = max(until, int(edges[end + 1]) - min(_KEPT, pause // 2))
        first = end + 1
    return found
