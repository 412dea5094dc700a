"""`wavesynth image interpolate`: the way from an image to another one, or to more of an attribute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors, say_ignored_images
from wavesynth.cli.image_options import Model
from wavesynth.cli.terminal import say

__all__ = ["interpolate"]

#: Images of a folder by which an attribute is found: enough for a mean.
IMAGES = 2_000
#: By which they are drawn: a folder is sorted by class, and its first images may be of one.
_SEED = 0


def interpolate(
    model: Model,
    image: Annotated[Path, typer.Argument(help="Image to begin with.")],
    out: Annotated[Path, typer.Option(help="PNG file to write.")],
    other: Annotated[Path | None, typer.Argument(help="Image to end with.")] = None,
    steps: Annotated[int, typer.Option(help="Images side by side.", min=2, max=64)] = 9,
    attribute: Annotated[
        int | None,
        typer.Option(
            help="Instead of another image: the class in --data of which there is to be more.", min=0
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of images with classes, for --attribute.")] = None,
    strength: Annotated[
        float,
        typer.Option(help="1: by as much as the class differs from the rest in the mean; may be negative."),
    ] = 1.0,
    label: Annotated[int | None, typer.Option(help="The class, for a model that knows classes.")] = None,
    scale: Annotated[int, typer.Option(help="Width of a pixel in the PNG file.", min=1, max=64)] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Goes through the latents of a flow, from an image to another one or along an attribute, and writes the strip.

    The first image of the strip is the image itself, and with another image the last one is that.

    Example: wavesynth image interpolate mnist-realnvp seven.png two.png --out strip.png
    """
    with one_sentence_errors():
        import torch

        from wavesynth.cli.image_options import read_levels
        from wavesynth.evaluation.pictures import check_png, grid, save_png
        from wavesynth.images.latents import along, attribute_of, decode, encode, network_with_latents, path
        from wavesynth.images.sampling import check_labels
        from wavesynth.models.pixels import intensities
        from wavesynth.training.images import ImageDataConfig, fixed_images, trained

        if (other is None) == (attribute is None):
            raise ValueError("exactly one of another image and --attribute must be given")
        if (attribute is None) != (data is None):
            raise ValueError("--attribute and --data must be given together, or neither")
        check_png((image, other), out=out)
        loaded = trained(model)
        network = network_with_latents(loaded)
        c = network.config
        ends = torch.stack([read_levels(network, name) for name in (image, other) if name is not None])
        labels = None if label is None else torch.full((len(ends),), label)
        check_labels(network, labels, len(ends))
        z = encode(network, ends, labels)
        if attribute is not None and data is not None:
            images = fixed_images(c, ImageDataConfig(str(data)), "train")
            say_ignored_images(data)
            if images.labels is None:
                raise ValueError(
                    f"data is {data}, whose images have no classes; they must have, for --attribute"
                )
            generator = torch.Generator().manual_seed(_SEED)
            some = torch.randperm(len(images.images), generator=generator)[:IMAGES].sort().values
            direction = attribute_of(network, images.images[some], images.labels[some] == attribute)
            way = along(z[0], strength * direction, steps)
        else:
            way = path(z[0], z[1], steps)
        made = decode(network, way, None if label is None else torch.full((steps,), label))
        save_png(out, grid(intensities(made, c.levels), steps, scale))
    figures = {"images": steps, "out": str(out)}
    say(json.dumps(figures) if as_json else f"{steps} images → {out}")
