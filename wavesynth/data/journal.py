"""What has been prepared already: one line of JSON for each source dealt with, appended when it is done.

A source whose size and time are those of its line, and whose pieces are there, is left alone, so a second
run is cheap, and a run that was killed repeats at most one recording. A line with options stands before
those that it holds for; other options make a new beginning.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavesynth.data.fingerprints import Words

__all__ = ["Piece", "PrepareJournal", "Record"]


@dataclass(frozen=True)
class Piece:
    """A file of the training set: OUT/audio/<split>/<stem>.flac; in the split "unused" if it is left out of it."""

    stem: str
    split: str
    samples: int

    @property
    def path(self) -> str:
        """Below OUT/audio."""
        return f"{self.split}/{self.stem}.flac"


@dataclass(frozen=True)
class Record:
    """What became of a source: its pieces, or the reason why there are none."""

    pieces: tuple[Piece, ...] = ()
    reason: str = ""
    offset: float = 0.0
    """The DC offset that was removed."""
    held_back: int = 0
    """How many pieces, the last ones, are the end that was cut off for validation."""
    wanted: float = 0.0
    """Seconds, at least, that this end was to have: where others are wanted, the source is cut anew."""
    digest: str = ""
    """SHA-256 of the samples of all pieces."""
    fingerprint: str = ""
    """Its words, base64 of little-endian 32-bit integers."""
    damage: str = ""
    """What is wrong with its file, though it could be used."""

    @property
    def words(self) -> Words:
        """The fingerprint [F] of all pieces together, as wavesynth.data.near_copies wants it."""
        return np.frombuffer(b64decode(self.fingerprint), "<u4").astype(np.uint32)

    @staticmethod
    def packed(words: Words) -> str:
        """Words as `fingerprint` has them."""
        return b64encode(words.astype("<u4").tobytes()).decode()

    @property
    def samples(self) -> int:
        """Of all pieces."""
        return sum(piece.samples for piece in self.pieces)


class PrepareJournal:
    """The journal of a training set, OUT/prepare.jsonl. Raises ValueError when it is damaged."""

    def __init__(self, out: Path, options: dict[str, Any]) -> None:
        self.path = out / "prepare.jsonl"
        self.audio = out / "audio"
        self._records: dict[str, tuple[list[int], Record]] = {}  # by source: size and time, what became of it
        self._owner: dict[str, str] = {}  # by piece: the source it was last written from
        lines = self._whole_lines()
        current = None
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                if "options" in entry:
                    current = entry["options"]
                    self._records.clear()
                else:
                    source, stamp = entry.pop("source"), entry.pop("stamp")
                    pieces = tuple(Piece(**piece) for piece in entry.pop("pieces"))
                    self._remember(source, stamp, Record(pieces, **entry))
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(
                    f"{self.path} is damaged in line {number}; delete it to prepare anew"
                ) from error
        if current != options:
            self._records.clear()
            self._append({"options": options})

    def find(self, source: Path, stat: os.stat_result) -> Record | None:
        """What became of a source, unless it or its pieces have changed since."""
        stamp, record = self._records.get(source.as_posix(), ([], Record()))
        if stamp != _stamp(stat):
            return None
        whole = all(
            self._owner[piece.path] == source.as_posix() and (self.audio / piece.path).is_file()
            for piece in record.pieces
        )
        return record if whole else None

    def add(self, source: Path, stat: os.stat_result, record: Record) -> Record:
        """Notes what became of a source, whose pieces are in place."""
        self._remember(source.as_posix(), _stamp(stat), record)
        self._append({"source": source.as_posix(), "stamp": _stamp(stat)} | asdict(record))
        return record

    def remove_all_but(self, paths: Iterable[str]) -> None:
        """Deletes the pieces, ever written here, that are not among `paths`."""
        for stale in self._owner.keys() - set(paths):
            (self.audio / stale).unlink(missing_ok=True)

    def _remember(self, source: str, stamp: list[int], record: Record) -> None:
        self._records[source] = (stamp, record)
        self._owner |= {piece.path: source for piece in record.pieces}

    def _append(self, entry: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _whole_lines(self) -> list[str]:
        """The lines of the file; half a line at its end, from a run that was killed, is cut off."""
        if not self.path.exists():
            return []
        content = self.path.read_bytes()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            os.truncate(self.path, end)
        return content[:end].decode("utf-8", "replace").splitlines()


def _stamp(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns]
