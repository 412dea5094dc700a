"""wavesynth provenance: what a voice has heard, of voices that were made before `wavesynth export` wrote it down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say, track

__all__ = ["provenance"]


def provenance(
    voice: Annotated[Path, typer.Argument(help="Folder of a voice.")],
    folders: Annotated[list[Path], typer.Argument(help="Prepared folders that it was trained on.")],
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="The voice has heard more than what is in these folders.")
    ] = False,
) -> None:
    """Writes down what a voice has heard, so that `wavesynth evaluate` refuses to judge it by that.

    For a voice that lacks the file: `wavesynth export` writes it.

    Example: wavesynth provenance voices/alice datasets/alice
    """
    with one_sentence_errors():
        from wavesynth.data.dataset import Recordings
        from wavesynth.data.provenance import PROVENANCE, Provenance

        if not (voice / "voice.json").exists():
            raise ValueError(f"VOICE is {voice}, which has no voice.json; it must be a voice's folder")
        found = Provenance.of_folders([Recordings(folder) for folder in folders], track)
        if incomplete:
            found += Provenance.unknown()
        found.save(voice)
    say(f"{voice / PROVENANCE} is written: {len(found.frames)} recordings")
