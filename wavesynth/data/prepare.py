"""A folder of recordings → a training set that is the same however often, and after whatever, it is prepared.

OUT/audio/<split>/<stem>.flac    16-bit, mono; long recordings in pieces <stem>-001, <stem>-002, ...
OUT/audio/unused/                recordings that are left out, so that they need not be read again
OUT/dataset.json                 what there is; written last, so its presence means complete
OUT/prepare.jsonl                the journal (journal.py), by which a run resumes an interrupted one

Every recording is read, cleaned and written for itself, by as many processes as there may be, to the split that its
name says. Then all are compared, and what shall be on another side is moved there.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import soundfile
import torch
from torch import Tensor

from wavesynth.audio.recordings import SUFFIXES, find, summary
from wavesynth.data.features import Track, untracked
from wavesynth.data.journal import PrepareJournal, Record
from wavesynth.data.near_copies import NearCopy, groups, near_copies
from wavesynth.data.sources import Options, SourceReader, read_sources
from wavesynth.data.split import SHORTEST, SPLITS, Assignment, RecordingLength, assign, stem_of
from wavesynth.files import atomic_path

__all__ = ["FORMAT", "READABLE", "Options", "prepare"]

#: The version of dataset.json, and those that can be trained on. What another version prepared is prepared anew.
FORMAT = 2
READABLE = (1, FORMAT)


def prepare(
    folder: str | Path,
    out: str | Path,
    options: Options | None = None,
    track: Track = untracked,
    processes: int = 1,
) -> dict[str, Any]:
    """Prepares every recording below `folder` into `out`, by so many processes; returns what dataset.json says.

    Named with the reason are, under `skipped`, recordings that cannot be used; under `damaged` those of which only what
    is there could be; and under `ignored` what is no recording by its name or kind. Raises ValueError when none can be
    used, a listed test stem is not there or `out` is `folder`, OSError when `out` cannot be written.
    """
    folder, out, options = Path(folder), Path(out), options or Options()
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; it must be a folder of recordings")
    if folder.resolve() == out.resolve() or folder.resolve().is_relative_to((out / "audio").resolve()):
        raise ValueError(
            f"OUT is {out}, and would replace files of {folder}, which is read; it must be another folder"
        )
    found = list(find(folder, out))
    sources = sorted((one for one in found if isinstance(one, Path)), key=lambda path: (stem_of(path), path))
    if not sources:
        raise ValueError(f"{folder} holds no recordings; they must be {', '.join(SUFFIXES)} files")
    if missing := sorted((options.test or frozenset()) - {stem_of(source) for source in sources}):
        raise ValueError(f"the test list names {', '.join(missing[:3])}, which {folder} does not hold")

    (out / "audio").mkdir(parents=True, exist_ok=True)
    for leftover in (out / "audio").glob("*/.*.flac"):  # being written when a run was killed
        leftover.unlink()
    journal = PrepareJournal(out, {"format": FORMAT} | options.to_json())
    records = read_sources(SourceReader(folder, out, options), sources, journal, track, processes)
    usable = [source for source, record in records.items() if record.pieces]
    if not usable:
        source, record = next(iter(records.items()))
        raise ValueError(
            f"{folder} holds no usable recording among {len(sources)}; {source.as_posix()} is {record.reason}"
        )

    reasons = _duplicates(usable, records, options)
    kept = [source for source in usable if source not in reasons]
    copies = _near_copies(out, kept, records, options, track)
    lengths = [
        RecordingLength(stem_of(source), records[source].samples / options.sample_rate) for source in kept
    ]
    together = groups(len(kept), copies)
    assignment = assign(lengths, together, options.test)
    for number, other in assignment.instead.items():
        why = "is cut in two" if other == assignment.divided else "the test list holds out"
        reasons[kept[number]] = f"a near copy of {kept[other].as_posix()}, which {why}"
    _place(SourceReader(folder, out, options), kept, reasons, assignment, records, journal)

    files = [
        asdict(piece) | {"source": source.as_posix()}
        for source in kept
        if source not in reasons
        for piece in records[source].pieces
    ]
    samples: Counter[str] = Counter()
    for file in files:
        samples[file["split"]] += file["samples"]
    skipped = {source: record.reason for source, record in records.items() if record.reason} | reasons
    dataset = {
        "format": FORMAT,
        "sample_rate": options.sample_rate,
        "options": options.to_json(),
        "seconds": {split: round(samples[split] / options.sample_rate, 3) for split in SPLITS},
        "files": files,
        "skipped": [
            {"source": path.as_posix(), "reason": skipped[path]} for path in sources if path in skipped
        ],
        "damaged": [
            {"source": source.as_posix(), "reason": records[source].damage}
            for source in kept
            if records[source].damage
        ],
        "ignored": summary(one for one in found if not isinstance(one, Path)),
        "offsets": {
            source.as_posix(): round(records[source].offset, 6) for source in kept if records[source].offset
        },
        "near_copies": [
            {
                "sources": [kept[pair.one].as_posix(), kept[pair.other].as_posix()],
                "seconds": round(pair.seconds, 2),
                "residual_db": round(pair.residual, 1),
            }
            for pair in copies
        ],
        "compared": _compared(kept, records),
        "notes": _notes([source.as_posix() for source in kept], together, assignment),
    }
    _write_if_changed(out / "dataset.json", json.dumps(dataset, indent=1) + "\n")
    journal.remove_all_but(piece.path for record in records.values() for piece in record.pieces)
    return dataset


def _duplicates(sources: Sequence[Path], records: dict[Path, Record], options: Options) -> dict[Path, str]:
    """Why recordings are left out that sound, to the last bit, like another; one that is listed for test is not."""
    first: dict[str, Path] = {}
    reasons = {}
    for source in sorted(sources, key=lambda source: stem_of(source) not in (options.test or ())):
        other = first.setdefault(records[source].digest, source)
        if other != source:
            reasons[source] = f"the same audio as {other.as_posix()}"
    return reasons


def _compared(sources: Sequence[Path], records: dict[Path, Record]) -> str:
    """A hash of what near copies were looked for among."""
    known = "\n".join(f"{source.as_posix()} {records[source].digest}" for source in sources)
    return sha256(known.encode("utf-8", "surrogateescape")).hexdigest()


def _near_copies(
    out: Path, sources: Sequence[Path], records: dict[Path, Record], options: Options, track: Track
) -> list[NearCopy]:
    """The near copies among recordings, by their number; those of the last run if the recordings are the same."""
    try:
        last = json.loads((out / "dataset.json").read_bytes())
        if last["compared"] == _compared(sources, records):
            numbers = {source.as_posix(): number for number, source in enumerate(sources)}
            return [
                NearCopy(numbers[one], numbers[other], float(pair["seconds"]), float(pair["residual_db"]))
                for pair in last["near_copies"]
                for one, other in [pair["sources"]]
            ]
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        pass  # there is none, or it is damaged or another program's: it is written anew

    @lru_cache(maxsize=16)
    def load(number: int) -> Tensor:
        pieces = records[sources[number]].pieces
        paths = [out / "audio" / piece.path for piece in pieces]
        return torch.cat([torch.from_numpy(soundfile.read(path, dtype="float32")[0]) for path in paths])

    return near_copies(
        [records[source].words for source in sources],
        load,
        options.sample_rate,
        lambda pairs: track(pairs, "Comparing", len(pairs)),
    )


def _place(
    reader: SourceReader,
    kept: Sequence[Path],
    unused: dict[Path, str],
    assignment: Assignment,
    records: dict[Path, Record],
    journal: PrepareJournal,
) -> None:
    """Moves every recording's pieces to its side, or to the unused ones, and cuts in two what is to be divided."""
    side = {kept[number]: str(split) for number, split in assignment.sides.items()}
    for source in sorted({*kept, *unused}, key=lambda source: (stem_of(source), source)):
        record, stat = records[source], (reader.folder / source).stat()
        divided = assignment.divided is not None and source == kept[assignment.divided]
        wanted = assignment.held_back if divided else 0.0
        if record.wanted != wanted or bool(record.held_back) != divided:
            (reader.out / "dataset.json").unlink(missing_ok=True)
            record = reader(source, wanted)
        first_of_end = len(record.pieces) - record.held_back
        pieces = tuple(
            replace(piece, split="validation" if number >= first_of_end else side.get(source, "unused"))
            for number, piece in enumerate(record.pieces)
        )
        if record == records[source] and pieces == record.pieces:
            continue
        (reader.out / "dataset.json").unlink(missing_ok=True)
        records[source] = journal.add(source, stat, replace(record, pieces=pieces))
        for before, after in zip(record.pieces, pieces, strict=True):
            if before != after:
                (reader.out / "audio" / after.split).mkdir(exist_ok=True)
                os.replace(reader.out / "audio" / before.path, reader.out / "audio" / after.path)


def _notes(names: Sequence[str], together: Sequence[Sequence[int]], assignment: Assignment) -> list[str]:
    """What somebody should know of the split, in sentences; `names` are the recordings'."""
    notes = [
        f"near copies, all in {assignment.sides[group[0]]}: {', '.join(names[number] for number in group)}"
        for group in together
        if len(group) > 1 and not any(number in assignment.instead for number in group)
    ]
    if assignment.divided is not None:
        notes.append(
            f"too few recordings to hold one back: validation is the end of {names[assignment.divided]}"
        )
    by_side = {side: [names[n] for n in assignment.moved if assignment.sides[n] == side] for side in SPLITS}
    if by_side["validation"]:
        notes.append(f"held back for validation, which had too little: {', '.join(by_side['validation'])}")
    if by_side["train"]:
        notes.append(f"trained on, as there is too little else: {', '.join(by_side['train'])}")
    if assignment.missing:
        notes.append(
            f"only {assignment.missing:.1f} s to train on and to choose by: training needs {3 * SHORTEST:g} s at the "
            "very least, and minutes for a voice; add recordings and prepare again"
        )
    if "test" not in assignment.sides.values():
        notes.append(
            "no test recordings: hold some out with --test-list, or judge by wavesynth evaluate --split validation"
        )
    return notes


def _write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_bytes() != text.encode():
        with atomic_path(path) as temporary:
            temporary.write_text(text, "utf-8")
