"""`wavesynth bench engine`: how many samples a second a backend makes on this machine."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say

__all__ = ["engine"]


def engine(
    backend: Annotated[str, typer.Option(help="cpu, triton or reference.")] = "cpu",
    layers: Annotated[int, typer.Option(help="Dilated layers: 10 to a stack, or fewer than 10 in one.")] = 30,
    residual: Annotated[int, typer.Option(help="Residual channels.")] = 64,
    skip: Annotated[int, typer.Option(help="Skip channels.")] = 256,
    classes: Annotated[int, typer.Option(help="Output classes.")] = 256,
    streams: Annotated[int, typer.Option(help="Streams at once.", min=1, max=10_000)] = 1,
    seconds: Annotated[float, typer.Option(help="How long to measure.", min=0.1, max=3600)] = 4.0,
    threads: Annotated[int, typer.Option(help="Cores to use.", min=1, max=256)] = 1,
    activation_bits: Annotated[int, typer.Option(help="Bits of the layers' activations: 8 or 16.")] = 8,
    fine: Annotated[
        bool, typer.Option("--fine", hidden=True, help="The old name of 16 activation bits.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure how many samples a second a backend makes: the median of ten parts, random weights.

    Example: wavesynth bench engine --layers 30 --streams 4 --json
    """
    with one_sentence_errors():
        from wavesynth.engine.benchmark import measure_engine

        if layers >= 10 and layers % 10:
            raise ValueError(f"layers is {layers}; it must be below 10 or a multiple of 10")
        bits = 16 if fine else activation_bits
        result = measure_engine(backend, layers, residual, skip, classes, streams, seconds, threads, bits)
    if as_json:
        say(json.dumps(result))
        return
    for name, value in result.items():
        say(f"{name:32} {value:,.2f}" if isinstance(value, float) else f"{name:32} {value}")
