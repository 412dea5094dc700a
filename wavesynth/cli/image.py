"""`wavesynth image`: models of images, from a folder to a likelihood and to pictures."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from wavesynth.cli.common import group, one_sentence_errors, say_ignored_images
from wavesynth.cli.configurations import find_configuration
from wavesynth.cli.image_compare import compare
from wavesynth.cli.image_make import complete, sample
from wavesynth.cli.terminal import say, track
from wavesynth.cli.train import Minutes, follow

if TYPE_CHECKING:
    from wavesynth.images.model import ImageModel

__all__ = ["evaluate", "export", "image", "train"]

image = group("Images, one pixel at a time: PixelCNN and PixelRNN.")

Model = Annotated[
    Path, typer.Argument(help="A model that ships, an exported one, a run's folder or a checkpoint.")
]
Data = Annotated[Path, typer.Option(help="Folder of idx files or of images.")]
SplitName = Literal["train", "validation", "test"]


@image.command()
def train(
    config: Annotated[
        Path, typer.Argument(help="A TOML file, or a configuration that ships; see docs/images.md.")
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


@image.command()
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


@image.command()
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
    with one_sentence_errors():
        import torch

        from wavesynth.evaluation.pictures import grid, save_png
        from wavesynth.files import atomic_path, check_output
        from wavesynth.images.model import load_image_model, save_image_model
        from wavesynth.images.sampling import params_from
        from wavesynth.images.sampling import sample as draw
        from wavesynth.models.pixels import intensities
        from wavesynth.training.images import card, trained
        from wavesynth.workers import threads

        for name in ("model.json", "weights.safetensors", "samples.png", "CARD.md"):
            check_output(out / name)
        save_image_model(out, trained(run, lowest=best))
        written = load_image_model(out)
        figures = measured(written, data, "test", images)
        c, columns = written.network.config, 10
        labels = torch.arange(4 * columns) % c.labels if c.labels else None
        with threads():
            made = draw(written.network, params_from(0, 4 * columns), labels)
        save_png(out / "samples.png", grid(intensities(made, c.levels), columns))
        with atomic_path(out / "CARD.md") as path:
            path.write_text(card(written, figures), encoding="utf-8")
    say(f"{out}: {figures['nats']:.3f} nats/image, {figures['bits_per_dim']:.4f} bits/dim")


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


image.command()(sample)
image.command()(complete)
image.command()(compare)
