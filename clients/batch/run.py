"""A run from manifest to files: what is left to do, done, written, and noted."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wavesynth.audio.files import write
from wavesynth.files import sentence
from wavesynth.server.server import load_voices
from wavesynth.synthesis.voice import find_voices

from .cluster import on_ray
from .journal import Journal
from .local import on_this_machine
from .manifest import BadEntry, Entry, entries
from .work import Collector, Made, Setting

__all__ = ["Run", "Summary", "run"]


@dataclass(frozen=True)
class Run:
    """What is to be done, and where."""

    manifest: Path
    out: Path
    defaults: dict[str, Any]
    """Of the entries: voice, seed, temperature, speaker."""
    setting: Setting
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


def run(what: Run, progress: Callable[[Summary], None] = lambda summary: None) -> Summary:
    """Makes every output that is not there yet; `progress` is told after each entry.

    Entries that cannot be made are lines of OUT/errors.jsonl. Raises ValueError for voices that cannot be used, and
    OSError, in a sentence, when it cannot go on; another run does the rest.
    """
    load_voices(
        Path(what.setting.voices), what.setting.backend
    )  # so that what is wrong with them is said at once
    summary, collector = Summary(), Collector()
    with Journal(what.out, _stamp(what.setting)) as journal, _Errors(what.out / "errors.jsonl") as errors:

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
                except ValueError as error:
                    failed(entry.line, entry.out, str(error))
                    continue
                if journal.done(entry):
                    summary.kept += 1
                    progress(summary)
                else:
                    yield entry

        with closing(_work(what, left(), journal.folder)) as work:
            for made in work:
                if (whole := collector.add(made)) is None:
                    continue
                entry = Entry(**json.loads(whole.entry))
                if whole.error:
                    failed(entry.line, entry.out, whole.error)
                    continue
                _write(journal.folder, what.out / entry.out, whole.samples, whole.sample_rate)
                journal.add(entry)
                summary.made += 1
                summary.seconds += len(whole.samples) / whole.sample_rate
                progress(summary)
    return summary


def _work(what: Run, left: Iterable[Entry], folder: Path) -> Generator[Made]:
    if what.ray is None:
        workers = what.workers or len(os.sched_getaffinity(0))
        return on_this_machine(left, what.setting, workers)
    return on_ray(left, what.setting, what.workers, what.ray, what.gpus, folder / "left")


def _write(folder: Path, path: Path, samples: Any, sample_rate: int) -> None:
    """Writes an output; what a killed run leaves is in `folder` under one name, which the next one overwrites."""
    part = folder / f"part{path.suffix.lower()}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part, samples / 32768, sample_rate)
        part.replace(path)
    except OSError as error:
        said = sentence(OSError(error.errno, error.strerror, str(path)))
        raise OSError(f"{said}; run again to do the rest") from error


def _stamp(setting: Setting) -> str:
    """What the voices are, as a hash of their files."""
    digest = hashlib.sha256()
    for name, folder in find_voices(setting.voices).items():
        for file in ("voice.json", "weights.safetensors"):
            digest.update(f"{name}/{file}".encode() + (folder / file).read_bytes())
    return digest.hexdigest()


class _Errors:
    """The file of this run's errors, which is there only if there are any."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Errors:
        self._path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, bad: BadEntry) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(bad), ensure_ascii=False) + "\n")
