"""Read sentences of two English speakers whom no shipped voice has heard, with what they say: a test set."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wavesynth.data.recipes.debian import fetch
from wavesynth.data.recipes.recipe import DEBIAN, DatasetRecipe
from wavesynth.files import atomic_path

if TYPE_CHECKING:
    from wavesynth.data.features import Track

__all__ = ["RECIPES"]

_PACKAGE = "pocketsphinx-testdata"
#: Folders of the package, each with the file of its texts.
_FOLDERS = {"librivox": "transcription", "cards": "cards.transcription"}


def _sentences(package: Path) -> Iterator[tuple[str, Path, str]]:
    """The name, the file and the text of each recording of the unpacked package."""
    for name, texts in _FOLDERS.items():
        folder = package / "usr/share/pocketsphinx/test/data" / name
        for text, stem in re.findall(r"<s>(.*)</s> \((.*)\)", (folder / texts).read_text("utf-8")):
            yield f"{name}-{stem[-4:]}", folder / f"{stem}.wav", text.strip()


def _gather(work: Path, track: Track, note: Callable[[str], None]) -> Path:
    folder = work / "recordings"
    folder.mkdir(exist_ok=True)
    for name, source, _ in _sentences(fetch(_PACKAGE, work, track)):
        shutil.copy2(source, folder / f"{name}.wav")
    return folder


def _finish(work: Path, out: Path) -> None:
    """Writes OUT/transcripts.tsv for `wavesynth evaluate --transcripts`."""
    lines = ["file\ttext", *(f"{name}\t{text}" for name, _, text in _sentences(work / _PACKAGE))]
    with atomic_path(out / "transcripts.tsv") as path:
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


RECIPES = (
    DatasetRecipe(
        "read",
        "English sentences and hands of cards, with transcripts: a test set of two unheard speakers",
        "public domain and BSD-2",
        _gather,
        DEBIAN,
        minutes=0.6,
        download_mb=2,
        takes="10 s",
        all_test=True,
        finish=_finish,
    ),
)
