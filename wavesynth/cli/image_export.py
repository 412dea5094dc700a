"""`wavesynth image export`: a training run to a model, with its card and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors, say_ignored_images
from wavesynth.cli.image_options import Data
from wavesynth.cli.terminal import say, track

__all__ = ["export"]


def export(
    run: Annotated[Path, typer.Argument(help="A run's folder or a checkpoint.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    data: Data,
    images: Annotated[int | None, typer.Option(help="Only so many test images.", min=1)] = None,
    best: Annotated[bool, typer.Option("--best", help="A run's best checkpoint, not its newest.")] = False,
) -> None:
    """Writes a run's averaged weights as a model, measures it on the test set, and says so on its card, beside forty
    images that it made, samples.png.

    Example: wavesynth image export runs/mnist-binary models/mnist-binary --data datasets/mnist --best
    """
    from wavesynth.training.export import ExportOptions
    from wavesynth.training.export import export as export_run

    with one_sentence_errors():
        options = ExportOptions(data=data, images=images, track=track)
        exported = export_run(run, out, lowest=best, options=options)
        say_ignored_images(data)
    say(f"{out}: {exported.sentence}")
