"""`wavesynth image train`: a folder of images to a run of checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.configurations import find_configuration
from wavesynth.cli.train import Minutes, run

__all__ = ["train"]


def train(
    config: Annotated[
        Path,
        typer.Argument(
            help="A TOML file, or a configuration that ships; see docs/reference/configuration.md."
        ),
    ],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints and curves [default: runs/NAME-OF-CONFIG]")
    ] = None,
    minutes: Minutes = None,
) -> None:
    """Trains a model of images as a configuration says; stops and goes on as `wavesynth train` does.

    Example: wavesynth image train mnist-binary
    """
    with one_sentence_errors():
        run(find_configuration(config, images=True), out, resume, minutes)
