"""Recordings read, cleaned and written to a training set one by one, by as many processes as there may be.

What becomes of a recording does not depend on the others, but for its name: two of one name do not replace each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from wavesynth.audio.files import load, write_flac
from wavesynth.audio.pcm import pcm16
from wavesynth.data.cleaning import Cleaning, UnusableError, centre, clean, divide
from wavesynth.data.features import Track
from wavesynth.data.fingerprints import fingerprint
from wavesynth.data.journal import Piece, PrepareJournal, Record
from wavesynth.data.near_copies import HOP
from wavesynth.data.processes import share_out
from wavesynth.data.split import split_of, stem_of
from wavesynth.workers import threads

__all__ = ["Options", "SourceReader", "read_sources"]

#: Seconds that recordings are read by this process alone, before others are worth their start.
SECONDS_ALONE = 2.0


@dataclass(frozen=True)
class Options:
    """What decides the result. `test` is an explicit list of test stems, `exclude` are patterns of stems."""

    sample_rate: int = 16000
    test: frozenset[str] | None = None
    exclude: tuple[str, ...] = ()
    cleaning: Cleaning = field(default_factory=Cleaning)

    def to_json(self) -> dict[str, Any]:
        """As they stand in dataset.json."""
        test = None if self.test is None else sorted(self.test)
        return asdict(self) | {"test": test, "exclude": list(self.exclude)}


@dataclass(frozen=True)
class SourceReader:
    """Reads, cleans and writes recordings, in whatever process."""

    folder: Path
    out: Path
    options: Options

    def __call__(self, source: Path, held_back: float = 0.0) -> Record:
        """What became of a recording, of whose end so many seconds are for validation."""
        rate, cleaning, path = self.options.sample_rate, self.options.cleaning, self.folder / source
        notes: tuple[str, ...] = ()
        try:
            loaded = load(path, rate)
            notes = loaded.notes
            waveform, offset = centre(torch.from_numpy(loaded.waveform), rate, cleaning)
            pieces = clean(waveform, rate, cleaning)
        except UnusableError as error:
            return Record((), "; ".join([str(error), *notes]))
        except (OSError, ValueError) as error:
            return Record((), getattr(error, "strerror", None) or str(error).removeprefix(f"{path} "))
        whole = torch.cat(pieces)
        split = split_of(stem_of(source), self.options.test)
        end: list[Tensor] = []
        if held_back:
            pieces, end = divide(whole, held_back, rate, cleaning)
            split = "train"
        splits = [split] * len(pieces) + ["validation"] * len(end)
        written = []
        for number, (piece, where) in enumerate(zip([*pieces, *end], splits, strict=True), 1):
            stem = stem_of(source)
            name = stem if len(splits) == 1 else f"{stem}-{number:03}"
            write_flac(self.out / "audio" / where / f"{name}.flac", piece, rate)
            written.append(Piece(name, where, piece.numel()))
        words = Record.packed(fingerprint(whole, rate, HOP))
        digest = sha256(pcm16(whole).astype("<i2").tobytes()).hexdigest()
        damage = "; ".join(notes)
        return Record(tuple(written), "", offset, len(end), held_back, digest, words, damage)


def read_sources(
    reader: SourceReader, sources: Sequence[Path], journal: PrepareJournal, track: Track, processes: int
) -> dict[Path, Record]:
    """What became of each source, in their order: known from the journal, or found out now."""
    stems = {stem_of(source) for source in sources}
    seen: set[str] = set()
    known: dict[Path, Record] = {}
    todo = []
    for source in sources:
        stem = stem_of(source)
        # What might be named like another, or like another's piece, waits until the other is written.
        beginning, _, number = stem.rpartition("-")
        waits = stem in seen or (number.isdigit() and beginning in stems)
        seen.add(stem)
        if _obstacle(reader.folder / source, stem, {}, reader.options) is None and not waits:
            record = journal.find(source, (reader.folder / source).stat())
            if record is None:
                todo.append(source)
            else:
                known[source] = record

    if todo:
        (reader.out / "dataset.json").unlink(missing_ok=True)  # it no longer says what is there
    results = track(_results(reader, todo, processes), "Preparing", len(todo))
    for source, record in zip(todo, results, strict=True):
        known[source] = journal.add(source, (reader.folder / source).stat(), record)
    records: dict[Path, Record] = {}
    names: dict[str, Path] = {}
    for source in sources:
        record = _obstacle(reader.folder / source, stem_of(source), names, reader.options)
        record = record or known.get(source) or journal.find(source, (reader.folder / source).stat())
        if record is None:
            (reader.out / "dataset.json").unlink(missing_ok=True)
            record = journal.add(source, (reader.folder / source).stat(), reader(source))
        records[source] = record
        names |= dict.fromkeys((piece.stem for piece in records[source].pieces), source)
    return records


def _results(reader: SourceReader, todo: Sequence[Path], processes: int) -> Iterator[Record]:
    """Records in order. One thread computes each, here too, so that sums do not depend on how many there are."""
    started = monotonic()
    with threads():
        for number, source in enumerate(todo):
            if processes > 1 and monotonic() - started >= SECONDS_ALONE:
                yield from share_out(reader, todo[number:], processes)
                return
            yield reader(source)


def _obstacle(path: Path, stem: str, names: dict[str, Path], options: Options) -> Record | None:
    """Why a source is not even opened, if there is a reason; not noted, because it may be gone next time."""
    for pattern in options.exclude:
        if fnmatchcase(stem, pattern):
            return Record((), f"excluded by {pattern}")
    # Sorted by stem, x comes before x-001, so the names of its pieces are known by then.
    taken = names.get(stem) or names.get(f"{stem}-001")
    if taken:
        return Record((), f"its name, {stem}, is already that of {taken.as_posix()}")
    if not (path.is_file() and os.access(path, os.R_OK)):  # a folder, a dangling link, a pipe, another's
        return Record((), "not a file that may be read")
    return None
