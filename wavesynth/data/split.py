"""Which recordings are trained on: a split that depends on a recording's name alone, as far as it can.

It does not change when recordings are added or removed, and needs no list to be kept. Where names would put copies of
one take on two sides, or leave nothing to train on or to choose by, `assign` says what happens instead.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from wavesynth.files import read_text

__all__ = [
    "SHORTEST",
    "SPLITS",
    "Assignment",
    "RecordingLength",
    "Split",
    "assign",
    "read_test_list",
    "split_of",
    "stem_of",
]

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

#: Seconds that training, and validation, must have: the longest crop of the configurations that ship.
SHORTEST = 2.0
#: The share of what is not held out for testing that validation gets where names give it too little.
_SHARE = 1 / 20
#: Bytes of a stem: a file system takes 255 in a name, and the stem's file has a number and an extension too.
_LONGEST_STEM = 240


def stem_of(source: Path) -> str:
    """The name of a recording: its path below the voice's folder, "/" as "_", without extension.

    Of one longer than a file's name may be, the beginning and a hash of all of it.
    """
    return _shortened("_".join(source.with_suffix("").parts))


def _shortened(stem: str) -> str:
    name = os.fsencode(stem)
    if len(name) <= _LONGEST_STEM:
        return stem
    digest = hashlib.sha1(name).hexdigest()
    beginning = name[: _LONGEST_STEM - len(digest) - 1].decode("utf-8", "ignore")  # no half of a character
    return f"{beginning}-{digest}"


def split_of(stem: str, test: Collection[str] | None = None) -> Split:
    """The split of a stem by its SHA-1, as an integer modulo 20: 0 is test, 1 validation, the rest training.

    With `test`, an explicit list, the test recordings are those listed and no others: what the hash would
    have put there is trained on.

    >>> split_of("hello"), split_of("hello", test=["hello"])
    ('validation', 'test')
    """
    bucket = _hash(stem) % 20
    if stem in test if test is not None else bucket == 0:
        return "test"
    return "validation" if bucket == 1 else "train"


def _hash(stem: str) -> int:
    return int(hashlib.sha1(os.fsencode(stem)).hexdigest(), 16)


def read_test_list(path: str | Path) -> frozenset[str]:
    """The stems in a text file, one a line; empty lines and those beginning with # are left out.

    Raises OSError when it cannot be read, ValueError when it is not text in UTF-8 or names nothing.
    """
    lines = [line.strip() for line in read_text(path).splitlines()]
    stems = frozenset(_shortened(line) for line in lines if line and not line.startswith("#"))
    if not stems:
        raise ValueError(f"test list {path} names no recordings")
    return stems


@dataclass(frozen=True)
class RecordingLength:
    """What decides the side of a recording."""

    stem: str
    seconds: float


@dataclass(frozen=True)
class Assignment:
    """The sides of recordings, by number."""

    sides: dict[int, Split]
    """Of those that are used."""
    instead: dict[int, int]
    """Of those that are left out, because a near copy is used so that no copy of it may be: that near copy."""
    moved: tuple[int, ...] = ()
    """Of those that are used, what is not where names say, because there is too little otherwise."""
    divided: int | None = None
    """The recording that is cut in two, its end for validation, because there is too little else."""
    held_back: float = 0.0
    """Seconds of its end that are validation, at least."""
    missing: float = 0.0
    """Seconds that there are to train and to choose by, if they are too few for both."""


def assign(
    recordings: Sequence[RecordingLength],
    together: Sequence[Sequence[int]],
    test: Collection[str] | None = None,
) -> Assignment:
    """Sides for recordings, of which those `together` are near copies of each other.

    Copies stay on one side: that of the name of the longest, in which the others may be contained, so that shorter
    copies come and go without moving it. A listed test recording stays one, and its copies are left out. If names give
    fewer than `SHORTEST` seconds to training, nothing but a list holds out test recordings; if they give fewer to
    validation, whole groups of copies go there, by the hash of their names, until it has its share, or, where none is
    small enough, the end of the longest recording.
    """
    sides: dict[int, Split] = {}
    instead: dict[int, int] = {}
    # Groups without a listed recording, in the order in which they are held back.
    free: list[Sequence[int]] = []
    for group in together:
        listed = [number for number in group if test is not None and recordings[number].stem in test]
        if listed:
            sides |= dict.fromkeys(listed, "test")
            instead |= {number: listed[0] for number in group if number not in listed}
        else:
            free.append(
                sorted(group, key=lambda number: (-recordings[number].seconds, recordings[number].stem))
            )
    free.sort(key=lambda group: _hash(recordings[group[0]].stem))
    named = [split_of(recordings[group[0]].stem, test) for group in free]
    side = list(named)
    seconds = [sum(recordings[number].seconds for number in group) for group in free]

    def total(*wanted: Split) -> float:
        return sum(some for some, where in zip(seconds, side, strict=True) if where in wanted)

    available = sum(recordings[group[0]].seconds for group in free)  # of copies, one counts
    divided, held_back = None, 0.0
    if available >= 3 * SHORTEST:
        if total("train") < SHORTEST:
            side = ["train"] * len(free)
        wanted = max(SHORTEST, _SHARE * total("train", "validation"))
        if total("validation") < SHORTEST:
            for place, group_seconds in enumerate(seconds):
                rest = total("train") - group_seconds
                if side[place] == "train" and total("validation") < wanted and group_seconds <= rest / 2:
                    side[place] = "validation"
        if total("validation") < SHORTEST:
            longest = max(
                (place for place, where in enumerate(side) if where == "train"),
                key=lambda place: recordings[free[place][0]].seconds,
            )
            divided, *copies = free[longest]
            free[longest] = [divided]
            instead |= dict.fromkeys(copies, divided)
            held_back = min(wanted, recordings[divided].seconds / 3)
    for group, where in zip(free, side, strict=True):
        sides |= dict.fromkeys(group, where)
    moved = [
        number for group, old, new in zip(free, named, side, strict=True) if old != new for number in group
    ]
    missing = available if free and available < 3 * SHORTEST else 0.0
    return Assignment(sides, instead, tuple(sorted(moved)), divided, held_back, missing)
