"""A folder of recordings → a training set that is the same however often, and after whatever, it is prepared.

OUT/audio/<split>/<stem>.flac    16-bit, mono; long recordings in pieces <stem>-001, <stem>-002, ...
OUT/dataset.json                 what there is; written last, so its presence means complete
OUT/prepare.jsonl                the journal (journal.py), by which a run resumes an interrupted one
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from wavesynth.audio.files import read, write_flac
from wavesynth.audio.recordings import SUFFIXES, find, summary
from wavesynth.data.cleaning import Cleaning, UnusableError, clean
from wavesynth.data.journal import Journal, Piece, Record
from wavesynth.data.split import SPLITS, split_of, stem_of
from wavesynth.files import atomic_path

__all__ = ["FORMAT", "Options", "prepare"]

#: The version of dataset.json; another one is prepared anew.
FORMAT = 1


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


def prepare(
    folder: str | Path,
    out: str | Path,
    options: Options | None = None,
    track: Callable[[list[Path]], Iterable[Path]] = iter,
) -> dict[str, Any]:
    """Prepares every recording below `folder` into `out`; returns what dataset.json says.

    `track` wraps the list of sources, to show progress. A recording that cannot be used is named under
    `skipped` with its reason, what is no recording by its name or kind under `ignored`. Raises ValueError when
    none can be used or a listed test stem is not there, OSError when `out` cannot be written.
    """
    folder, out, options = Path(folder), Path(out), options or Options()
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; it must be a folder of recordings")
    found = list(find(folder, out, out / "audio", out / "dataset.json", out / "prepare.jsonl"))
    sources = sorted((one for one in found if isinstance(one, Path)), key=lambda path: (stem_of(path), path))
    if not sources:
        raise ValueError(f"{folder} holds no recordings; they must be {', '.join(SUFFIXES)} files")
    if missing := sorted((options.test or frozenset()) - {stem_of(source) for source in sources}):
        raise ValueError(f"the test list names {', '.join(missing[:3])}, which {folder} does not hold")

    (out / "audio").mkdir(parents=True, exist_ok=True)
    for leftover in (out / "audio").glob("*/.*.flac"):  # being written when a run was killed
        leftover.unlink()
    journal = Journal(out, {"format": FORMAT} | options.to_json())
    files: dict[str, dict[str, Any]] = {}  # by stem
    skipped = []
    for source in track(sources):
        record = _obstacle(folder / source, stem_of(source), files, options)
        record = record or journal.find(source, (folder / source).stat())
        if record is None:
            (out / "dataset.json").unlink(missing_ok=True)  # it no longer says what is there
            record = journal.add(
                source, (folder / source).stat(), _process(folder / source, source, out, options)
            )
        if record.reason:
            skipped.append({"source": source.as_posix(), "reason": record.reason})
        for piece in record.pieces:
            files[piece.stem] = asdict(piece) | {"source": source.as_posix()}

    if not files:
        first = f"{skipped[0]['source']} is {skipped[0]['reason']}"
        raise ValueError(f"{folder} holds no usable recording among {len(sources)}; {first}")

    samples: Counter[str] = Counter()
    for file in files.values():
        samples[file["split"]] += file["samples"]
    dataset = {
        "format": FORMAT,
        "sample_rate": options.sample_rate,
        "options": options.to_json(),
        "seconds": {split: round(samples[split] / options.sample_rate, 3) for split in SPLITS},
        "files": list(files.values()),
        "skipped": skipped,
        "ignored": summary(one for one in found if not isinstance(one, Path)),
    }
    _write_if_changed(out / "dataset.json", json.dumps(dataset, indent=1) + "\n")
    journal.remove_all_but(f"{file['split']}/{file['stem']}.flac" for file in files.values())
    return dataset


def _obstacle(path: Path, stem: str, files: dict[str, dict[str, Any]], options: Options) -> Record | None:
    """Why a source is not even opened, if there is a reason; not noted, because it may be gone next time."""
    for pattern in options.exclude:
        if fnmatchcase(stem, pattern):
            return Record((), f"excluded by {pattern}")
    # Sorted by stem, x comes before x-001, so the names of its pieces are known by then.
    taken = files.get(stem) or files.get(f"{stem}-001")
    if taken:
        return Record((), f"its name, {stem}, is already that of {taken['source']}")
    if not (path.is_file() and os.access(path, os.R_OK)):  # a folder, a dangling link, a pipe, another's
        return Record((), "not a file that may be read")
    return None


def _process(path: Path, source: Path, out: Path, options: Options) -> Record:
    """Reads, cleans and writes one recording."""
    try:
        pieces = clean(read(path, options.sample_rate), options.sample_rate, options.cleaning)
    except UnusableError as error:
        return Record((), str(error))
    except (OSError, ValueError) as error:
        return Record((), getattr(error, "strerror", None) or str(error).removeprefix(f"{path} "))
    stem = stem_of(source)
    split = split_of(stem, options.test)
    written = []
    for number, piece in enumerate(pieces, 1):
        name = stem if len(pieces) == 1 else f"{stem}-{number:03}"
        write_flac(out / "audio" / split / f"{name}.flac", piece, options.sample_rate)
        written.append(Piece(name, split, piece.numel()))
    return Record(tuple(written))


def _write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text("utf-8") != text:
        with atomic_path(path) as temporary:
            temporary.write_text(text, "utf-8")
