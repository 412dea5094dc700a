"""Fashion-MNIST, 70,000 images of clothes in ten classes (Xiao, Rasul and Vollgraf, 2017)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wavesynth.data.recipes.debian import fetch
from wavesynth.data.recipes.recipe import DEBIAN, DatasetRecipe

if TYPE_CHECKING:
    from wavesynth.data.features import Track

__all__ = ["RECIPES"]


def _gather(work: Path, track: Track, note: Callable[[str], None]) -> Path:
    return fetch("dataset-fashion-mnist", work, track) / "usr/share/datasets/fashion-mnist"


RECIPES = (
    DatasetRecipe(
        "fashion-mnist",
        "70,000 images of clothes in ten classes, 28 x 28: for `wavesynth image train fashion`",
        "MIT",
        _gather,
        DEBIAN,
        download_mb=31,
        takes="5 s",
        ready="train-labels-idx1-ubyte.gz",
    ),
)
