"""Russian sentences, read by one speaker, from the Festival project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wavesynth.data.recipes.asterisk import NOT_SPEECH
from wavesynth.data.recipes.debian import fetch
from wavesynth.data.recipes.recipe import DEBIAN, DatasetRecipe

if TYPE_CHECKING:
    from wavesynth.data.features import Track

__all__ = ["RECIPES"]


def _gather(work: Path, track: Track, note: Callable[[str], None]) -> Path:
    return fetch("festvox-ru", work, track) / "usr/share/festival/voices/russian/msu_ru_nsh_clunits/wav"


RECIPES = (
    DatasetRecipe(
        "nsh",
        "nsh, Russian, read sentences",
        "BSD-like",
        _gather,
        DEBIAN,
        minutes=91.9,
        download_mb=179,
        takes="3 min",
        exclude=NOT_SPEECH,  # it has none of them; dataset.json names them all the same, as it always has
    ),
)
