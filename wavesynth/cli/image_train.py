"""`wavesynth image train`: a folder of images to a run of checkpoints."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors, say_ignored_images
from wavesynth.cli.configurations import find_configuration
from wavesynth.cli.train import Minutes, follow

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
    from wavesynth.training.configuration import read_toml
    from wavesynth.training.examples import some_images
    from wavesynth.training.images import image_trainer, parse_images
    from wavesynth.training.processes import Processes

    with one_sentence_errors():
        config = find_configuration(config, images=True)
        configuration = read_toml(config, parse_images)
        with Processes.joined() as processes:
            training = image_trainer(
                configuration, out or Path("runs") / config.stem, processes, resume=resume
            )
            if processes.first:
                say_ignored_images(configuration.data.folder)
            follow(training, "dim", minutes, partial(some_images, training.average))
