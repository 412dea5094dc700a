"""The command line: one file a command, which is imported when it is run."""

from __future__ import annotations

from wavesynth.__main__ import main
from wavesynth.cli.bench import bench
from wavesynth.cli.compare import compare
from wavesynth.cli.image import image
from wavesynth.cli.lazy import group

__all__ = ["main"]

app = group(
    "Neural audio that is generated one sample at a time, fast enough to be live.",
    {
        "demo": "demo:demo",
        "voices": "voices:voices",
        "token": "token:token",
        "serve": "serve:serve",
        "reload": "reload:reload",
        "say": "say:say",
        "stream": "stream:stream",
        "live": "live:live",
        "wyoming": "wyoming:wyoming",
        "batch": "batch:batch",
        "datasets": "datasets:datasets",
        "prepare": "prepare:prepare",
        "init": "init:init",
        "train": "train:train",
        "export": "export:export",
        "evaluate": "evaluate:evaluate",
        "score": "score:score",
        "provenance": "provenance:provenance",
    },
    hidden=("provenance",),
    example="Example: wavesynth demo",
)
app.add_typer(bench, name="bench")
app.add_typer(compare, name="compare")
app.add_typer(image, name="image")
