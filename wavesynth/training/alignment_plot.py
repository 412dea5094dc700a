"""A picture of alignments: the log-mel of some recordings, with their phonemes where they were found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wavesynth.extras import is_installed
from wavesynth.files import atomic_path

if TYPE_CHECKING:
    from wavesynth.training.spoken import Recording

__all__ = ["save_alignments"]

#: Recordings that are drawn, of the whole list, and the frames that a picture is wide.
_DRAWN, _WIDEST = 4, 400


def save_alignments(path: Path, recordings: Sequence[Recording], seconds_per_frame: float) -> None:
    """Writes a PNG file of some recordings; nothing where matplotlib is not installed (extra `plots`)."""
    if not recordings or not is_installed("matplotlib"):
        return
    from wavesynth.audio.figures import Figure, FigureCanvasAgg

    fitting = [one for one in recordings if 60 <= len(one.mel) <= _WIDEST] or list(recordings)
    some = fitting[:: max(1, len(fitting) // _DRAWN)][:_DRAWN]
    figure = Figure(figsize=(14, 3 * len(some)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(some), 1, squeeze=False)[:, 0]
    for axis, one in zip(axes, some, strict=True):
        frames = min(len(one.mel), _WIDEST)
        axis.imshow(
            one.mel[:frames].T,
            origin="lower",
            aspect="auto",
            extent=(0, frames * seconds_per_frame, 0, one.mel.shape[1]),
        )
        edges = np.cumsum(one.durations) - one.durations
        for token, edge, length in zip(one.tokens, edges.tolist(), one.durations.tolist(), strict=True):
            if length and edge < frames:
                axis.axvline(edge * seconds_per_frame, color="white", linewidth=0.6)
                middle = (edge + length / 2) * seconds_per_frame
                axis.text(middle, 1.0, token.symbol, color="white", ha="center", fontsize=9)
        axis.set_title(one.stem, loc="left", fontsize=11)
        axis.set_ylabel("band")
    axes[-1].set_xlabel("time (s)")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)
