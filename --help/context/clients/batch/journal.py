"""What is done already, on disk and not in memory: OUT/.batch/journal.sqlite.

An output is done if it is there with the size that it had when it was written, and its entry, its input's size and
time, and its voice are what they were. One run at a time has the journal.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from .manifest import Entry

__all__ = ["Journal"]


class Journal:
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
                "CREATE TEMPORARY TABLE claimed (out TEXT PRIMARY KEY, line INTEGER)",
            ):
                self._database.execute(statement)
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def claim(self, entry: Entry) -> None:
        """Takes an output for an entry; ValueError if another entry of this run has it."""
        with self._sentences():
            taken = self._one("SELECT line FROM claimed WHERE out = ?", entry.out)
            if taken is None:
                self._database.execute("INSERT INTO claimed VALUES (?, ?)", (entry.out, entry.line))
        if taken is not None:
            raise ValueError(f"out is {entry.out!r}, which line {taken[0]} has already")

    def done(self, entry: Entry) -> bool:
        """Whether the output is there as the entry wants it."""
        with self._sentences():
            known = self._one("SELECT stamp, size FROM done WHERE out = ?", entry.out)
        try:
            return known == (self._of(entry), (self._out / entry.out).stat().st_size)
        except OSError:
            return False

    def add(self, entry: Entry) -> None:
        """Notes that the output of an entry is in place."""
        size = (self._out / entry.out).stat().st_size
        with self._sentences():
            self._database.execute(
                "INSERT OR REPLACE INTO done VALUES (?, ?, ?)", (entry.out, self._of(entry), size)
            )

    def _of(self, entry: Entry) -> str:
        """What an output depends on, as a hash."""
        fields = json.loads(entry.to_json()) | {"line": 0}
        source = entry.audio or entry.mel
        stat = Path(source).stat() if source else None
        stamp = [self._stamp, fields, [stat.st_size, stat.st_mtime_ns] if stat else None]
        return hashlib.sha256(json.dumps(stamp).encode()).hexdigest()

    def _one(self, query: str, out: str) -> tuple[object, ...] | None:
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
