"""What is done already, on disk and not in memory: OUT/.batch/journal.sqlite.

An output is done if it is there with the size that it had when it was written, and its entry, its input's size and
time, and its voice are what they were. Of an entry that failed the reason is kept, for as long as those are the same. A
file that the journal does not know is somebody else's. One run at a time has the journal.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from .manifest import Entry

__all__ = ["OutputJournal"]


class OutputJournal:
    """The journal of an output folder, as a context manager. All of it raises OSError, in a sentence."""

    def __init__(self, out: Path, stamp: str) -> None:
        """`stamp` says what the voices are."""
        self._out = out
        self._stamp = stamp
        self.folder = out / ".batch"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._sentences():
            self._database = sqlite3.connect(self.folder / "journal.sqlite", timeout=0, isolation_level=None)
            for statement in (
                "PRAGMA locking_mode = EXCLUSIVE",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = OFF",
                "PRAGMA temp_store = FILE",
                "CREATE TABLE IF NOT EXISTS done (out TEXT PRIMARY KEY, stamp TEXT, size INTEGER)",
                "CREATE TABLE IF NOT EXISTS failed (out TEXT PRIMARY KEY, stamp TEXT, error TEXT)",
                "CREATE TEMPORARY TABLE claimed (path BLOB PRIMARY KEY, line INTEGER)",
                "CREATE TEMPORARY TABLE inputs (file TEXT PRIMARY KEY, line INTEGER)",
            ):
                self._database.execute(statement)
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def note_input(self, entry: Entry) -> None:
        """Notes what file an entry is made from, so that no output takes its place."""
        if file := _file(Path(_source(entry) or "")):
            with self._sentences():
                self._database.execute("INSERT OR IGNORE INTO inputs VALUES (?, ?)", (file, entry.line))

    def claim(self, entry: Entry) -> None:
        """Takes an output for an entry; ValueError if another entry of this run has it, by whatever name."""
        path = self._out / entry.out
        real = os.fsencode(os.path.join(os.path.realpath(path.parent), path.name))
        with self._sentences():
            taken = self._one("SELECT line FROM claimed WHERE path = ?", real)
            if taken is None:
                self._database.execute("INSERT INTO claimed VALUES (?, ?)", (real, entry.line))
        if taken is not None:
            raise ValueError(f"out is {entry.out!r}, which line {taken[0]} has already")

    def check_place(self, entry: Entry) -> None:
        """ValueError if what stands where the output is to be is an entry's input, or nothing that a run has made."""
        path = self._out / entry.out
        with self._sentences():
            file = _file(path)
            read_by = self._one("SELECT line FROM inputs WHERE file = ?", file) if file else None
            ours = self._one("SELECT 1 FROM done WHERE out = ?", _key(entry))
        if read_by is not None:
            whose = "its own input" if read_by[0] == entry.line else f"the input of line {read_by[0]}"
            raise ValueError(f"out is {entry.out!r}, which is {whose}; it must be another file")
        if os.path.lexists(path) and not (ours and path.is_file() and not path.is_symlink()):
            raise ValueError(f"out is {entry.out!r}, which is there, and which no run has made; move it away")

    def done(self, entry: Entry) -> bool:
        """Whether the output is there as the entry wants it."""
        with self._sentences():
            known = self._one("SELECT stamp, size FROM done WHERE out = ?", _key(entry))
        try:
            return known == (self._of(entry), (self._out / entry.out).stat().st_size)
        except OSError:
            return False

    def failure(self, entry: Entry) -> str:
        """Why the entry failed when all was as it is now; "" if it did not."""
        with self._sentences():
            known = self._one("SELECT stamp, error FROM failed WHERE out = ?", _key(entry))
        return str(known[1]) if known is not None and known[0] == self._of(entry) else ""

    def fail(self, entry: Entry, error: str) -> None:
        """Notes why an entry failed."""
        row = _key(entry), self._of(entry), error
        with self._sentences():
            self._database.execute("INSERT OR REPLACE INTO failed VALUES (?, ?, ?)", row)

    def forget_failures(self) -> None:
        """Has what failed be tried again."""
        with self._sentences():
            self._database.execute("DELETE FROM failed")

    def begin(self, entry: Entry) -> None:
        """Notes that the output of an entry is about to be put in place, and so is ours."""
        with self._sentences():
            self._database.execute("INSERT OR IGNORE INTO done VALUES (?, '', -1)", (_key(entry),))

    def add(self, entry: Entry) -> None:
        """Notes that the output of an entry is in place."""
        size = (self._out / entry.out).stat().st_size
        with self._sentences():
            self._database.execute(
                "INSERT OR REPLACE INTO done VALUES (?, ?, ?)", (_key(entry), self._of(entry), size)
            )

    def _of(self, entry: Entry) -> str:
        """What an output depends on, as a hash."""
        fields = json.loads(entry.to_json()) | {"line": 0}
        source = _source(entry)
        stat = Path(source).stat() if source else None
        stamp = [self._stamp, fields, [stat.st_size, stat.st_mtime_ns] if stat else None]
        return hashlib.sha256(json.dumps(stamp).encode()).hexdigest()

    def _one(self, query: str, out: str | bytes) -> tuple[object, ...] | None:
        with closing(self._database.execute(query, (out,))) as cursor:
            found: tuple[object, ...] | None = cursor.fetchone()
            return found

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise OSError(f"another run is writing into {self._out}") from error
            raise OSError(f"{self.folder / 'journal.sqlite'} cannot be used: {error}") from error


def _source(entry: Entry) -> str | None:
    return entry.audio or entry.mel


def _key(entry: Entry) -> str:
    """An output's name as the database takes it, which is not any name of a file."""
    return entry.out if entry.out.isascii() else os.fsencode(entry.out).decode("utf-8", "backslashreplace")


def _file(path: Path) -> str:
    """What file a path leads to, whatever its name; "" if to none."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_dev}:{status.st_ino}"
