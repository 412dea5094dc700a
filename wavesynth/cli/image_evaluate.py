"""`wavesynth image evaluate`: the likelihood of images that a model has not seen."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from wavesynth.cli.common import one_sentence_errors, say_ignored_images
from wavesynth.cli.image_options import Data, Model
from wavesynth.cli.terminal import say, track

__all__ = ["evaluate"]

SplitName = Literal["train", "validation", "test"]


def evaluate(
    model: Model,
    data: Data,
    split: Annotated[SplitName, typer.Option(help="Which images.")] = "test",
    images: Annotated[int | None, typer.Option(help="Only so many.", min=1)] = None,
    best: Annotated[bool, typer.Option("--best", help="A run's best checkpoint, not its newest.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measures nats an image and bits/dim; images of two levels are always the same draw.

    Example: wavesynth image evaluate runs/mnist-binary --data datasets/mnist --json
    """
    with one_sentence_errors():
        from wavesynth.training.image_export import measured
        from wavesynth.training.images import trained

        found = trained(model, lowest=best)
        figures = measured(found, data, split, images, lambda starts: track(starts, "Measuring"))
        say_ignored_images(data)
    if as_json:
        say(json.dumps(figures))
        return
    say(
        f"{figures['nats']:.3f} ± {figures['standard_error']:.3f} nats/image, {figures['bits_per_dim']:.4f} bits/dim "
        f"on {figures['images']:,} images of the {split} set, {figures['values']}"
    )
