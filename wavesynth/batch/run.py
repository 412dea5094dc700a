"""A run from manifest to files: what is left to do, done, written, and noted."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

from wavesynth.audio.files import write_in_place
from wavesynth.files import check_is_file, check_output, sentence, shown
from wavesynth.voices.folders import find_voices
from wavesynth.voices.loaded import load_voices
from wavesynth.workers import cores

from .cluster import on_ray
from .journal import OutputJournal
from .local import on_this_machine
from .manifest import BadEntry, Entry, entries
from .work import BatchOptions, Collector, SegmentAudio

__all__ = ["Run", "Summary", "run"]


#: Bytes of a voice's file that are looked at; what is too large for a voice, its loading says.
_MAX_VOICE_FILE = 1 << 30


@dataclass(frozen=True)
class Run:
    """What is to be done, and where."""

    manifest: Path
    out: Path
    defaults: dict[str, Any]
    """Of the entries: voice, seed, temperature, speaker."""
    options: BatchOptions
    workers: int | None = None
    """Cores; all if None."""
    ray: str | None = None
    """Address of a Ray cluster, "local" for one of this machine's; None for no Ray."""
    gpus: float = 0.0
    """GPUs of each worker on Ray."""


@dataclass
class Summary:
    """What became of the entries so far."""

    made: int = 0
    kept: int = 0
    """Done already by an earlier run."""
    failed: int = 0
    seconds: float = 0.0
    """Of audio made."""


def run(
    what: Run,
    progress: Callable[[Summary], None] = lambda summary: None,
    say: Callable[[str], None] = lambda note: None,
) -> Summary:
    """Makes every output that is not there yet; `progress` is told after each entry, `say` what is wrong with an input
    that could be used.

    Entries that cannot be made are lines of OUT/errors.jsonl; why one failed is remembered until its line, its input or
    the voices change, or that file is deleted. Raises ValueError for voices that cannot be used, and OSError, in a
    sentence, when it cannot go on; another run does the rest.
    """
    stamp = _stamp(what.options)
    _check_folders(what)
    summary, collector = Summary(), Collector()
    with OutputJournal(what.out, stamp) as journal, _Errors(what.out / "errors.jsonl") as errors:
        if errors.first:
            journal.forget_failures()
        for entry in entries(what.manifest, what.out, what.defaults):
            if isinstance(entry, Entry):
                journal.note_input(entry)

        def failed(line: int, out: str, error: str) -> None:
            errors.add(BadEntry(line, out, error))
            summary.failed += 1
            progress(summary)

        def left() -> Iterator[Entry]:
            for entry in entries(what.manifest, what.out, what.defaults):
                if isinstance(entry, BadEntry):
                    failed(entry.line, entry.out, entry.error)
                    continue
                try:
                    journal.claim(entry)
                    if done := journal.done(entry):
                        summary.kept += 1
                        progress(summary)
                    else:
                        _check(entry, what.out, journal)
                except (OSError, ValueError) as error:
                    _unless_all_is_lost(error)
                    failed(entry.line, entry.out, sentence(error))
                    continue
                if not done:
                    yield entry

        todo = left()
        if (first := next(todo, None)) is None:
            return summary  # without a voice or a worker
        # So that what is wrong with the voices is said at once.
        load_voices(Path(what.options.voices), what.options.backend)
        with closing(_work(what, chain([first], todo), journal.folder)) as work:
            for made in work:
                if (whole := collector.add(made)) is None:
                    continue
                entry = Entry(**json.loads(whole.entry))
                for note in whole.notes.splitlines():
                    say(f"{shown(str(entry.audio))} {note}")
                if whole.error:
                    journal.fail(entry, whole.error)
                    failed(entry.line, entry.out, whole.error)
                    continue
                journal.begin(entry)
                try:
                    _write(journal.folder, what.out / entry.out, whole.samples, whole.sample_rate)
                except OSError as error:
                    _unless_all_is_lost(error)
                    failed(entry.line, entry.out, sentence(error))
                    continue
                journal.add(entry)
                summary.made += 1
                summary.seconds += len(whole.samples) / whole.sample_rate
                progress(summary)
    return summary


def _check_folders(what: Run) -> None:
    """ValueError if `out` is no folder, if outputs would stand among the recordings that they are made from, or if the
    list of errors would take the manifest's place."""
    if what.out.exists() and not what.out.is_dir():
        raise ValueError(f"out is {shown(what.out)}, which is a file; it must be a folder")
    errors = what.out / "errors.jsonl"
    if errors.exists() and errors.samefile(what.manifest):
        raise ValueError(
            f"manifest is {shown(what.manifest)}, which this run writes itself; it must be another file"
        )
    if not _is_ours(errors):
        raise ValueError(f"{shown(errors)} is no list of errors of an earlier run; it must not be there")
    if what.manifest.is_dir() and what.out.exists() and what.out.samefile(what.manifest):
        raise ValueError(
            f"out is {shown(what.out)}, the folder of the recordings itself; it must be another folder"
        )


def _check(entry: Entry, out: Path, journal: OutputJournal) -> None:
    """OSError or ValueError if an entry cannot be made, as far as that can be known without a voice."""
    if source := entry.audio or entry.mel:
        if not stat.S_ISREG(os.stat(source).st_mode):
            raise ValueError(f"{shown(source)} is no file; it must be a file to be read")
        if not os.access(source, os.R_OK):
            raise OSError(errno.EACCES, "", source)
    journal.check_place(entry)
    check_output(out / entry.out)
    if error := journal.failure(entry):
        raise ValueError(error)


def _unless_all_is_lost(error: Exception) -> None:
    """Raises what ends the run: with a disk that takes nothing more, no other entry will fare better."""
    if not isinstance(error, OSError):
        return
    if error.errno is None:  # of the journal
        raise error
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        raise OSError(f"{sentence(error)}; run again to do the rest") from error


def _work(what: Run, left: Iterable[Entry], folder: Path) -> Generator[SegmentAudio]:
    if what.ray is None:
        workers = what.workers or cores()
        return on_this_machine(left, what.options, workers)
    return on_ray(left, what.options, what.workers, what.ray, what.gpus, folder / "left")


def _write(folder: Path, path: Path, samples: Any, sample_rate: int) -> None:
    """Writes an output; what a killed run leaves is in `folder` under one name, which the next one overwrites."""
    part = folder / f"part{path.suffix.lower()}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_in_place(part, samples / 32768, sample_rate)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def _stamp(options: BatchOptions) -> str:
    """What the voices are, as a hash of their files."""
    digest = hashlib.sha256()
    for name, folder in find_voices(options.voices).items():
        for file in ("voice.json", "weights.safetensors"):
            check_is_file(folder / file, _MAX_VOICE_FILE)
            digest.update(f"{name}/{file}".encode() + (folder / file).read_bytes())
    return digest.hexdigest()


def _is_ours(errors: Path) -> bool:
    """Whether a file may be replaced by a list of errors: it is one, as far as its first line shows, or is absent."""
    try:
        with errors.open("rb") as file:
            first = file.readline(1 << 20)
    except FileNotFoundError:
        return True
    try:
        return not first or json.loads(first).keys() == {field.name for field in fields(BadEntry)}
    except (ValueError, AttributeError):
        return False


class _Errors:
    """The file of this run's errors, which is there only if there are any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.first = not path.exists()
        """Whether there is none of an earlier run."""

    def __enter__(self) -> _Errors:
        self._path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, bad: BadEntry) -> None:
        try:
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(json.dumps(asdict(bad), ensure_ascii=False) + "\n")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error
