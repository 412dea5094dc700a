"""Recordings that are the same take, whole or in part: coded anew, cut elsewhere, or spliced into a longer one.

Found by fingerprints that are equal somewhere, which takes a sort and no comparison of all pairs; believed when the
waveforms agree. Another take of the same words, by the same speaker, is no copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.data.fingerprints import LAG, Words, bit_errors

__all__ = ["HOP", "NearCopy", "groups", "near_copies"]

#: Seconds between the words that are compared.
HOP = 0.02
#: Words that are judged together: 0.3 s, in which two takes do not agree by chance.
_SPAN = 15
#: The share of bits that may differ among them: of a take coded anew one in seven does, of another one in two.
_ERRORS = 0.2
#: With how many of those that have the same word a word is paired.
_NEIGHBOURS = 8
#: Decibels: what is left of one when the other is taken away, at most. Copies of one take that were found had -12 and
#: less, coincidences -8 and more.
_RESIDUAL = -10.0
#: What is shared counts from so many seconds on, or half of the shorter recording.
_SHARED = 1.0


@dataclass(frozen=True)
class NearCopy:
    """Two recordings, by number, that share `seconds` of one take, and what is left of one without the other, dB."""

    one: int
    other: int
    seconds: float
    residual: float


def near_copies(
    words: Sequence[Words],
    load: Callable[[int], Tensor],
    sample_rate: int,
    track: Callable[[Sequence[tuple[int, int]]], Iterable[tuple[int, int]]] = iter,
) -> list[NearCopy]:
    """All pairs of near copies, in order, among recordings whose fingerprints [F] every `HOP` seconds are given.

    `load` gives the waveform [N] of a recording by its number; `track` wraps the pairs to look at, to show progress.
    """
    offsets = _candidates(words)
    found = []
    for one, other in track(list(offsets)):
        for offset in offsets[one, other]:
            shared = _shared(words[one], words[other], offset)
            if shared is None:
                continue
            start, frames = shared
            seconds = frames * HOP + LAG
            shorter = min(len(words[one]), len(words[other])) * HOP + LAG
            if seconds < min(_SHARED, shorter / 2):
                continue
            left = _residual(load(one), load(other), start, start - offset, frames, sample_rate)
            if left < _RESIDUAL:
                found.append(NearCopy(one, other, seconds, left))
                break
    return found


def groups(count: int, pairs: Iterable[NearCopy]) -> list[list[int]]:
    """The numbers 0 to count - 1, those together that are near copies, or near copies of near copies."""
    leader = list(range(count))

    def find(number: int) -> int:
        while leader[number] != number:
            number = leader[number]
        return number

    for pair in pairs:
        one, other = sorted((find(pair.one), find(pair.other)))
        leader[other] = one
    together: dict[int, list[int]] = {}
    for number in range(count):
        together.setdefault(find(number), []).append(number)
    return list(together.values())


def _candidates(words: Sequence[Words]) -> dict[tuple[int, int], list[int]]:
    """For pairs that have a word in common, by how many frames the first is ahead; what agrees most often first."""
    lengths = [len(w) for w in words]
    word = np.concatenate([*words, np.zeros(0, np.uint32)])
    recording = np.repeat(np.arange(len(words)), lengths)
    frame = np.concatenate([*map(np.arange, lengths), np.zeros(0, int)])
    order = np.argsort(word, kind="stable")  # of equal words, by recording
    word, recording, frame = word[order], recording[order], frame[order]
    rows: list[NDArray[np.int64]] = []
    for step in range(1, _NEIGHBOURS + 1):
        same = (word[:-step] == word[step:]) & (recording[:-step] != recording[step:])
        one, other = recording[:-step][same], recording[step:][same]
        rows.append(np.stack([one, other, frame[:-step][same] - frame[step:][same]], 1))
    agreeing, counts = np.unique(np.concatenate(rows), axis=0, return_counts=True)
    found: dict[tuple[int, int], list[int]] = {}
    for place in np.lexsort((-counts, agreeing[:, 1], agreeing[:, 0])):
        one, other, offset = map(int, agreeing[place])
        found.setdefault((one, other), []).append(offset)
    return found


def _shared(one: Words, other: Words, offset: int) -> tuple[int, int] | None:
    """Where in `one` what agrees longest begins, and how many frames it has, if `other` begins `offset` frames in."""
    first = max(0, offset)
    frames = min(len(one) - first, len(other) - (first - offset))
    errors = bit_errors(one[first : first + frames], other[first - offset : first - offset + frames])
    span = min(_SPAN, frames)
    total = np.concatenate([[0.0], errors.cumsum()])
    agrees = np.concatenate([[False], (total[span:] - total[:-span]) < _ERRORS * span, [False]])
    begins, ends = (
        np.flatnonzero(np.diff(agrees.astype(int)) == 1),
        np.flatnonzero(np.diff(agrees.astype(int)) == -1),
    )
    if not len(begins):
        return None
    longest = int((ends - begins).argmax())
    return first + int(begins[longest]), int(ends[longest] - begins[longest]) + span - 1


def _residual(one: Tensor, other: Tensor, start: int, there: int, frames: int, sample_rate: int) -> float:
    """What is left of a part of `one`, dB, when the best place and level of `other` is taken away."""
    hop, margin = round(HOP * sample_rate), round(1.5 * HOP * sample_rate)
    length = frames * hop + round(LAG * sample_rate)
    part = one[start * hop :][:length][margin:-margin].double()
    begin = max(0, there * hop)
    around = other[begin : begin + length].double()
    part = part[: len(around) - 2 * margin]
    if not len(part):
        return 0.0
    size = 1 << (len(around) + len(part)).bit_length()
    product = torch.fft.irfft(torch.fft.rfft(around, size) * torch.fft.rfft(part, size).conj(), size)
    places = len(around) - len(part) + 1
    total = torch.nn.functional.pad(around.square().cumsum(0), (1, 0))
    energy = (total[len(part) :] - total[:places]) * part.square().sum()
    agreement = (product[:places].square() / energy.clamp(min=1e-12)).max()
    return float(10 * (1 - agreement).clamp(min=1e-9).log10())
