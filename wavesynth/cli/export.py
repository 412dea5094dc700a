"""wavesynth export: a training run to a voice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say, track

__all__ = ["export"]


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    out: Annotated[Path, typer.Argument(help="Folder for the voice; what it holds is replaced.")],
    best: Annotated[
        bool,
        typer.Option("--best", help="Take the checkpoint with the lowest validation loss, not the newest."),
    ] = False,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="How much validation audio to measure the voice on.")
    ] = 8.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Writes a training run's averaged weights as a voice, with what its kind needs beside them.

    Prints what its kind measures: of a WaveNet bits/sample on validation audio, in float32 and in int8.

    Example: wavesynth export runs/allison-small voices/allison-small --best
    """
    from dataclasses import asdict

    from wavesynth.files import check_output
    from wavesynth.training.export import ExportOptions
    from wavesynth.training.export import export as export_voice

    with one_sentence_errors():
        check_output(out / "voice.json")
        exported = export_voice(
            run,
            out,
            lowest=best,
            options=ExportOptions(seconds=seconds, track=track),
        )
    if as_json:
        say(json.dumps(asdict(exported)))
    else:
        say(f"{exported.name}, step {exported.step:,} → {out}")
        if exported.sentence:
            say(exported.sentence)
