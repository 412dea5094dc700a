"""Mandarin syllables of one speaker, joined to recordings of some seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wavesynth.data.recipes.debian import fetch
from wavesynth.data.recipes.letters import write_joined
from wavesynth.data.recipes.recipe import DEBIAN, DatasetRecipe

if TYPE_CHECKING:
    from wavesynth.data.features import Track

__all__ = ["RECIPES"]

#: The file of a syllable by this speaker. Another speaker's, 3.ogg, is under the GPL, which does not say what a voice
#: that learns from it may be passed on under.
_SPEAKER = "5.ogg"


def _gather(work: Path, track: Track, note: Callable[[str], None]) -> Path:
    package, folder = fetch("gcin-voice", work, track), work / "recordings"
    syllables = sorted((package / "usr/share/gcin-voice/ogg").glob(f"*/{_SPEAKER}"))
    write_joined(track(syllables, "Joining syllables", len(syllables)), folder, "syllables", digits=3)
    return folder


RECIPES = (
    DatasetRecipe(
        "meilin",
        "Chu Lo (ChionMeilin), Mandarin syllables",
        "CC-BY-3.0",
        _gather,
        DEBIAN,
        minutes=8.7,
        download_mb=8,
        takes="1 min",
    ),
)
