"""What a background process has loaded of the folders that are served: nothing that the service has not read itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from wavesynth.server.followed import sign_of_folder

__all__ = ["ChangedError", "Editions"]

T = TypeVar("T")


class ChangedError(ValueError):
    """The folder is not as the service has read it."""


class Editions(Generic[T]):
    """What `load` makes of folders; what was made stays until another edition is asked for."""

    def __init__(self, load: Callable[[Path], T]) -> None:
        self._load = load
        self._known: dict[Path, tuple[int, T]] = {}

    def get(self, folder: Path, edition: int, sign: str) -> T:
        """The edition of a folder whose files had this `sign` (`sign_of_folder`) when the service read them. Raises
        ChangedError if it has to be loaded, and has changed; and what `load` raises."""
        known = self._known.get(folder)
        if known is None or known[0] != edition:
            _check(folder, sign)
            known = edition, self._load(folder)
            _check(folder, sign)  # while it was loaded
            self._known[folder] = known
        return known[1]


def _check(folder: Path, sign: str) -> None:
    if sign_of_folder(folder) != sign:
        raise ChangedError(
            f"the files of {folder.name} have changed, and the service has not read them again"
        )
