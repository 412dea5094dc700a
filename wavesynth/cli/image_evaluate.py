"""`wavesynth image evaluate`: the likelihood of images that a model has not seen."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from wavesynth.cli.common import one_sentence_errors, say_ignored_images
from wavesynth.cli.image_options import Data, Model
from wavesynth.cli.terminal import say, track

if TYPE_CHECKING:
    from wavesynth.images.model import ImageModel

__all__ = ["evaluate", "measured"]

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
        from wavesynth.training.images import trained

        figures = measured(trained(model, lowest=best), data, split, images)
    if as_json:
        say(json.dumps(figures))
        return
    say(
        f"{figures['nats']:.3f} ± {figures['standard_error']:.3f} nats/image, {figures['bits_per_dim']:.4f} bits/dim "
        f"on {figures['images']:,} images of the {split} set, {figures['values']}"
    )


def measured(
    model: ImageModel, data: Path, split: SplitName, count: int | None
) -> dict[str, float | int | str]:
    """The likelihood of a split, with what its values are, and how far it is on standard error."""
    from wavesynth.data.images import ImageSet
    from wavesynth.evaluation.images import likelihood_of
    from wavesynth.training.images import ImageDataConfig, fixed_images

    config = model.network.config
    binarisation: Literal["static"] | None = "static" if config.levels == 2 else None
    whole: ImageSet = fixed_images(config, ImageDataConfig(str(data), binarisation), split)
    say_ignored_images(data)
    some = ImageSet(whole.images[:count], None if whole.labels is None else whole.labels[:count])
    figures = asdict(
        likelihood_of(
            model.network,
            some,
            track=lambda starts: track(starts, "Measuring"),
        )
    )
    if config.levels == 2:
        trained_on = f", trained with {model.binarisation} binarisation" if model.binarisation else ""
        values = f"2 levels, drawn once by intensity{trained_on}"
    else:
        values = f"{config.levels} levels"
    return {"model": model.name, "split": split, **figures, "values": values, "steps": model.steps}
