"""`wavesynth bench training`: how fast a network learns on this machine's processor."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say

__all__ = ["training"]


def training(
    layers: Annotated[int, typer.Option(help="Dilated layers, 10 to a stack.")] = 30,
    batch: Annotated[int, typer.Option(help="Crops in a step.", min=1, max=256)] = 4,
    frames: Annotated[int, typer.Option(help="Frames of 10 ms in a crop.", min=1, max=1000)] = 100,
    steps: Annotated[int, typer.Option(help="Steps of each way; the median counts.", min=1, max=1000)] = 5,
    without_compiled: Annotated[
        bool,
        typer.Option("--without-compiled", help="Leave out torch.compile, which takes minutes to begin."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure how many samples a second can be learned from, in each way there is, side by side.

    Example: wavesynth bench training --layers 50 --without-compiled
    """
    with one_sentence_errors():
        from wavesynth.training.benchmark import WAYS, measure_training

        ways = tuple(way for way in WAYS if not (without_compiled and "compiled" in way))
        result = measure_training(layers, batch, frames, steps, ways)
    if as_json:
        say(json.dumps({"layers": layers, "batch": batch, "frames": frames, "ways": result}))
        return
    say(f"{'':16}{'samples/s':>12}{'of one core':>14}")
    for way, rates in result.items():
        say(f"{way:16}{rates['samples_per_second']:12,.0f}{rates['samples_per_core_second']:14,.0f}")
