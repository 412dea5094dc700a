"""`wavesynth bench gpu`: the tests that need a GPU, and how fast the GPU kernel, the engine and training are on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors

__all__ = ["gpu"]


def gpu(
    out: Annotated[
        Path, typer.Option(help="Folder for results.json, table.txt and plot.png.", file_okay=False)
    ] = Path("bench-gpu"),
    small: Annotated[
        bool, typer.Option("--small", help="A tiny network in Triton's interpreter, without a GPU.")
    ] = False,
    budget: Annotated[
        float, typer.Option(help="Seconds for all of it; what none are left for is left out.", min=1)
    ] = 460.0,
    only: Annotated[str, typer.Option(help="A regular expression for the names in results.json.")] = "",
) -> None:
    """Measure all that needs an NVIDIA GPU, in under eight minutes.

    Example: wavesynth bench gpu --only "speed 30"
    """
    with one_sentence_errors():
        from wavesynth.benchmarks.gpu import measure_gpu

        complete = measure_gpu(out, small, budget, only)
    if not complete:
        raise typer.Exit(1)
