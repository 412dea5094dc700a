"""What listeners judged, and how sure that is."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wavesynth.files import read_text, shown

__all__ = ["COLUMNS", "Judgement", "Preference", "read_judgements", "summarise", "wilson"]

#: The columns of a results file that are needed, as the page writes them.
COLUMNS = ("sitting", "listener", "trial", "clip", "first", "second", "preferred")
#: The standard normal distribution's quantile of 97.5 %.
_Z = 1.959963984540054


@dataclass(frozen=True)
class Judgement:
    """One pair that somebody judged."""

    sitting: str
    """One listener's way through one page."""
    listener: str
    trial: int
    clip: str
    first: str
    """The set of what was heard first."""
    second: str
    preferred: str
    """One of the two."""


@dataclass(frozen=True)
class Preference:
    """How often one of two sets was preferred to the other."""

    a: str
    b: str
    for_a: int
    judgements: int
    listeners: int
    share: float
    """Of a, from 0 to 1."""
    low: float
    high: float
    """Ends of its 95 % interval."""

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out one half."""
        return not self.low <= 0.5 <= self.high


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927), if trials are independent.

    >>> [round(end, 3) for end in wilson(15, 20)]
    [0.531, 0.888]
    """
    share, z2 = successes / trials, _Z * _Z
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    return max(0.0, centre - half), min(1.0, centre + half)


def read_judgements(paths: Iterable[Path]) -> list[Judgement]:
    """Those of results files, TSV or JSON, in the files' order.

    Raises OSError, or ValueError naming the file if it is none or if it repeats a judgement of one before it.
    """
    found: list[Judgement] = []
    whence: dict[tuple[str, int], Path] = {}
    for path in paths:
        for number, row in enumerate(_rows(path), 1):
            one = _judgement(path, number, row)
            if before := whence.get((one.sitting, one.trial)):
                sentence = (
                    f"{shown(path)} repeats a judgement of {shown(before)}: each file may be given once"
                )
                raise ValueError(sentence)
            whence[one.sitting, one.trial] = path
            found.append(one)
    return found


def summarise(judgements: Sequence[Judgement]) -> list[Preference]:
    """The preference between each two sets that were judged, in the order of their names."""
    contrasts = sorted({(min(one.first, one.second), max(one.first, one.second)) for one in judgements})
    found = []
    for a, b in contrasts:
        those = [one for one in judgements if {one.first, one.second} == {a, b}]
        for_a = Counter(one.preferred for one in those)[a]
        sittings = {one.listener or one.sitting for one in those}
        found.append(
            Preference(a, b, for_a, len(those), len(sittings), for_a / len(those), *wilson(for_a, len(those)))
        )
    return found


def _rows(path: Path) -> list[dict[str, Any]]:
    text = read_text(path)
    if path.suffix.lower() == ".json":
        try:
            rows = json.loads(text)["judgements"]
        except (ValueError, TypeError, KeyError, RecursionError):
            rows = None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError(f"{shown(path)} is no results file: it must be JSON with a list of judgements")
    else:
        reader = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = list(reader)
        lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if lacking:
            raise ValueError(f"{shown(path)} is no results file: it has no column {', '.join(lacking)}")
    if not rows:
        raise ValueError(f"{shown(path)} has no judgements")
    return rows


def _judgement(path: Path, number: int, row: dict[str, Any]) -> Judgement:
    try:
        values = {name: str(row[name]) for name in COLUMNS}
        one = Judgement(**values | {"trial": int(values["trial"])})  # type: ignore[arg-type]
    except (KeyError, ValueError):
        raise ValueError(
            f"{shown(path)}: judgement {number} lacks a column or has no number as its trial"
        ) from None
    if one.first == one.second or one.preferred not in (one.first, one.second):
        raise ValueError(
            f"{shown(path)}: judgement {number} prefers {one.preferred!r}; it must be one of two sets, "
            f"{one.first!r} and {one.second!r}"
        )
    return one
