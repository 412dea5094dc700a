"""What a recipe is: where its recordings come from, what it needs, and how they become a prepared folder."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wavesynth.data.features import Track

__all__ = ["DEBIAN", "DatasetRecipe", "Need", "make"]

#: Below OUT: what has been fetched and rendered, until the set is whole. `prepare` does not search hidden folders.
_WORK = ".recipe"


@dataclass(frozen=True)
class Need:
    """A program, a Python module or a file that a recipe cannot do without."""

    name: str
    """What to call it."""
    install: str
    """How to get it, as a command or a sentence."""
    is_there: Callable[[], bool]

    @staticmethod
    def program(name: str, install: str) -> Need:
        """A program on PATH."""
        return Need(name, install, lambda: shutil.which(name) is not None)

    @staticmethod
    def module(name: str, install: str) -> Need:
        """A Python module."""
        return Need(name, install, lambda: importlib.util.find_spec(name) is not None)

    @staticmethod
    def file(path: Path, install: str) -> Need:
        """A file of the system."""
        return Need(path.name, install, path.exists)


#: What fetches and unpacks Debian's packages; neither needs root.
DEBIAN = tuple(
    Need.program(name, "run this on Debian or Ubuntu, or in a container of one, and copy the folder")
    for name in ("apt-get", "dpkg-deb")
)


@dataclass(frozen=True)
class DatasetRecipe:
    """A data set that can be made by its name."""

    name: str
    description: str
    """Whose voice or what it is, in a phrase."""
    licence: str
    """That of the recordings."""
    gather: Callable[[Path, Track, Callable[[str], None]], Path]
    """`gather(work, track, note)` brings the files below the folder `work` and returns the folder that holds them. What
    a run that was interrupted has left in `work` is whole, and need not be made again. `note` is told, in a sentence,
    what was left out."""
    needs: tuple[Need, ...]
    minutes: float = 0.0
    """Of audio, after trimming; 0 of images."""
    download_mb: int = 0
    takes: str = "1 min"
    """How long it takes on two cores, without the download."""
    exclude: tuple[str, ...] = ()
    """Patterns of recordings that are left out."""
    test_list: Path | None = None
    """The file that names the recordings to hold out."""
    all_test: bool = False
    """Whether all recordings are held out: they are there to judge by."""
    finish: Callable[[Path, Path], None] | None = None
    """`finish(work, out)` adds what else belongs to the set, once it is prepared."""
    choose: Callable[[tuple[str, ...], float | None], DatasetRecipe] | None = None
    """`choose(voices, minutes)` gives a recipe of these voices, or of all if there are none, with so many minutes of
    each, for a set that is made to measure. Raises ValueError for a voice that there is not."""
    ready: str = ""
    """Of a set that needs no `wavesynth prepare`, its last file by name; of recordings ""."""

    def missing(self) -> list[Need]:
        """What it needs and this machine lacks."""
        return [need for need in self.needs if not need.is_there()]

    @property
    def lacks(self) -> str:
        """What it needs and this machine lacks, and how to get it, as a sentence; "" if nothing."""
        by_install: dict[str, list[str]] = {}
        for need in self.missing():
            by_install.setdefault(need.install, []).append(need.name)
        parts = [
            f"{' and '.join(names)}, which {'is' if len(names) == 1 else 'are'} missing: {install}"
            for install, names in by_install.items()
        ]
        return f"{self.name} needs {'; and '.join(parts)}" if parts else ""


def make(
    recipe: DatasetRecipe, out: Path, track: Track, note: Callable[[str], None], processes: int = 1
) -> dict[str, Any] | None:
    """Makes the data set in the folder `out`; returns what its dataset.json says, or None if it
    has none.

    An interrupted run goes on where it was. Raises OSError for what is missing on this machine or cannot be fetched,
    ValueError if `out` is a data set already.
    """
    if recipe.lacks:
        raise OSError(recipe.lacks)
    work = out / _WORK / recipe.name
    if (out / (recipe.ready or "dataset.json")).exists() and not work.exists():
        raise ValueError(f"{out} is a data set already; delete it to make it anew, or choose another folder")
    work.mkdir(parents=True, exist_ok=True)
    folder = recipe.gather(work, track, note)
    dataset = None
    if recipe.ready:
        for path in sorted(folder.iterdir()):
            path.replace(out / path.name)
    else:
        dataset = _prepared(recipe, folder, out, track, processes)
    if recipe.finish is not None:
        recipe.finish(work, out)
    shutil.rmtree(out / _WORK)
    return dataset


def _prepared(recipe: DatasetRecipe, folder: Path, out: Path, track: Track, processes: int) -> dict[str, Any]:
    """What dataset.json says, after `wavesynth prepare` has made `out` of a folder of recordings."""
    from wavesynth.audio.recordings import find
    from wavesynth.data.prepare import Options, prepare
    from wavesynth.data.split import read_test_list, stem_of

    test = read_test_list(recipe.test_list) if recipe.test_list is not None else None
    if recipe.all_test:
        test = frozenset(stem_of(path) for path in find(folder) if isinstance(path, Path))
    return prepare(folder, out, Options(test=test, exclude=recipe.exclude), track, processes)
