"""Letters and syllables in German, Hungarian and Dutch, of speakers whom no shipped voice has heard: a test set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wavesynth.data.recipes.debian import fetch
from wavesynth.data.recipes.recipe import DEBIAN, DatasetRecipe
from wavesynth.files import atomic_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wavesynth.data.features import Track

__all__ = ["RECIPES", "joined", "write_joined"]

_LANGUAGES = ("de", "hu", "nl")
#: Seconds of a joined recording, at least.
_SECONDS = 5.0
#: Seconds of silence between letters.
_PAUSE = 0.15


def joined(paths: Iterable[Path]) -> Iterator[tuple[NDArray[np.float64], int]]:
    """One recording after the other, with pauses between them, in pieces of some `_SECONDS`: samples [N] and hertz.

    What is left over at the end is left out.
    """
    import numpy as np
    import soundfile

    gathered: list[NDArray[np.float64]] = []
    for path in paths:
        samples, rate = soundfile.read(path, always_2d=True)
        gathered += [samples.mean(axis=1), np.zeros(round(_PAUSE * rate))]
        if sum(map(len, gathered)) >= _SECONDS * rate:
            yield np.concatenate(gathered), rate
            gathered = []


def write_joined(paths: Iterable[Path], folder: Path, name: str, digits: int = 2) -> None:
    """Writes recordings, `joined`, to files `folder/NAME-NUMBER.flac`, as far as these are not there yet."""
    import soundfile

    for number, (samples, rate) in enumerate(joined(paths)):
        path = folder / f"{name}-{number:0{digits}}.flac"
        if not path.exists():
            with atomic_path(path) as temporary:
                soundfile.write(temporary, samples, rate)


def _gather(work: Path, track: Track, note: Callable[[str], None]) -> Path:
    package, folder = fetch("klettres-data", work, track), work / "recordings"
    for language in track(_LANGUAGES, "Joining letters", len(_LANGUAGES)):
        letters = package / "usr/share/klettres" / language / "alpha"
        write_joined(sorted(letters.glob("*.ogg")), folder, language)
    return folder


RECIPES = (
    DatasetRecipe(
        "letters",
        "letters in German, Hungarian and Dutch: a test set of three unheard speakers",
        "GNU GPL",
        _gather,
        DEBIAN,
        minutes=2.7,
        download_mb=40,
        takes="30 s",
        all_test=True,
    ),
)
