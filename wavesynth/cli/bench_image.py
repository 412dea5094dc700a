"""`wavesynth bench image`: how fast images are made on this machine's processor."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say

__all__ = ["image"]


def image(
    features: Annotated[int, typer.Option(help="Features of each layer.")] = 96,
    layers: Annotated[int, typer.Option(help="Layers of both stacks.")] = 9,
    levels: Annotated[int, typer.Option(help="Levels of a value, 2 to 256.")] = 2,
    batch: Annotated[int, typer.Option(help="Images in a batch.", min=1, max=4096)] = 64,
    naive_pixels: Annotated[int, typer.Option(help="Pixels to make the naive way, of 784.")] = 784,
    repeats: Annotated[int, typer.Option(help="Turns of the two ways.", min=1, max=100)] = 3,
    threads: Annotated[int, typer.Option(help="Cores to use.", min=1, max=256)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure how long a 28 × 28 image takes a Gated PixelCNN: remembered, naive, and a batch. Random weights.

    Example: wavesynth bench image --naive-pixels 60 --json
    """
    with one_sentence_errors():
        from wavesynth.images.benchmark import measure_images
        from wavesynth.models.pixels import ImageModelConfig

        config = ImageModelConfig(features=features, layers=layers, levels=levels)
        result = measure_images(config, batch, naive_pixels, repeats, threads)
    if as_json:
        say(json.dumps(result))
        return
    for name, value in result.items():
        say(f"{name:36} {value:,.3f}" if isinstance(value, float) else f"{name:36} {value}")
