"""`wavesynth bench host`: what a stream costs the processor beside a GPU."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say

__all__ = ["host"]


def host(
    joining: Annotated[
        bool,
        typer.Option("--joining", help="First audio of streams that join, beside a simulated H100."),
    ] = False,
    streams: Annotated[int, typer.Option(help="Streams at once.", min=1, max=10_000)] = 50,
    seconds: Annotated[float, typer.Option(help="Audio of each stream.", min=0.1, max=3600)] = 4.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output.")
    ] = False,
) -> None:
    """Measure what a stream costs one core beside a GPU: microseconds for 10 ms of audio, sampling left out.

    Example: wavesynth bench host --json
    """
    with one_sentence_errors():
        from wavesynth.benchmarks import host
        from wavesynth.server.telemetry import log_as_json

        log_as_json()

        for row in host.joining() if joining else host.host_cost(streams, seconds):
            if as_json:
                say(json.dumps(row))
            else:
                cells = (
                    f"{name} {value:,.2f}" if isinstance(value, float) else f"{name} {value}"
                    for name, value in row.items()
                )
                say("   ".join(cells))
