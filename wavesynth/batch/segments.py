"""Long recordings in pieces that are made at the same time, and joined where the recording is quiet.

A piece is cut where the recording is quietest. Its input begins early and ends late, by what its voice sees around a
sample (wavesynth.audio.stage), so that its kept samples are made in the middle of speech as any other; and they
go on a little into the next piece. In that overlap one fades out while the other fades in, with their power kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.crossfade import crossfade
from wavesynth.audio.stage import Pipeline

__all__ = ["LONGEST", "Cut", "cuts", "join", "seed_of"]

#: Seconds up to which a recording stays whole.
LONGEST = 30.0
#: Seconds of a piece of a longer one, about.
_PIECE = 15.0
#: Seconds in which a quiet place is looked for, where a piece is to end.
_SEARCH = 3.0
#: Seconds in which one piece fades into the next, and over which loudness is looked at.
_FADE = 0.02


@dataclass(frozen=True)
class Cut:
    """A piece of a recording, in samples of it."""

    begin: int
    """Where its input begins; on a frame, so that it has the frames that the whole would have."""
    end: int
    """Where its input ends."""
    first: int
    """Its first sample that is kept."""
    last: int
    """After its last sample that is kept; the overlap with the next piece is in it."""


def cuts(recording: NDArray[np.float32], sample_rate: int, pipeline: Pipeline) -> list[Cut]:
    """How to cut a recording [N], whose pieces go through `pipeline`."""
    n = len(recording)
    if n <= LONGEST * sample_rate:
        return [Cut(0, n, 0, n)]
    half = round(_FADE * sample_rate / 2)
    points = [0, *(_quietest(recording, near, sample_rate) for near in _even_points(n, sample_rate)), n]
    found = []
    for start, stop in pairwise(points):
        first, last = max(0, start - half), n if stop == n else stop + half
        begin = max(0, first - pipeline.before) // pipeline.hop * pipeline.hop
        found.append(Cut(begin, min(n, last + pipeline.after), first, last))
    return found


def seed_of(seed: int, number: int) -> int:
    """The seed of a recording's piece; the first, and so one that stays whole, has the recording's own."""
    if not number:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0])


def join(pieces: Sequence[NDArray[np.int16]], cuts_made: Sequence[Cut]) -> NDArray[np.int16]:
    """The whole, of the audio [last - first] of each of the cuts; outside of the overlaps it is as it was made."""
    whole = pieces[0]
    for piece, before, after in zip(pieces[1:], cuts_made, cuts_made[1:], strict=False):
        overlap = before.last - after.first
        faded = crossfade(whole[-overlap:].astype(np.float64), piece[:overlap].astype(np.float64))
        rounded = np.clip(np.rint(faded), -32768, 32767).astype(np.int16)
        whole = np.concatenate([whole[:-overlap], rounded, piece[overlap:]])
    return whole


def _even_points(n: int, sample_rate: int) -> list[int]:
    """Samples near which to cut: pieces of equal length."""
    count = -(-n // round(_PIECE * sample_rate))
    return [n * i // count for i in range(1, count)]


def _quietest(recording: NDArray[np.float32], near: int, sample_rate: int) -> int:
    """The middle of the quietest stretch, as long as a fade, not far from a sample."""
    reach, width = round(_SEARCH * sample_rate), round(_FADE * sample_rate)
    start = near - reach
    around = recording[start : near + reach].astype(np.float64)
    energy = np.convolve(around * around, np.ones(width), "valid")
    return start + int(np.argmin(energy)) + width // 2
