"""The command line: one file a command. Commands import what they need when they run."""

from __future__ import annotations

from wavesynth.__main__ import main
from wavesynth.cli.batch import batch
from wavesynth.cli.bench import bench
from wavesynth.cli.common import group
from wavesynth.cli.datasets import datasets
from wavesynth.cli.demo import demo
from wavesynth.cli.evaluate import evaluate
from wavesynth.cli.export import export
from wavesynth.cli.image import image
from wavesynth.cli.init import init
from wavesynth.cli.live import live
from wavesynth.cli.prepare import prepare
from wavesynth.cli.provenance import provenance
from wavesynth.cli.serve import serve
from wavesynth.cli.stream import stream
from wavesynth.cli.train import train
from wavesynth.cli.voices import voices

__all__ = ["main"]

app = group(
    "Neural audio that is generated one sample at a time, fast enough to be live.", "Example: wavesynth demo"
)
for command in (demo, voices, serve, stream, live, batch, datasets, prepare, init, train, export, evaluate):
    app.command()(command)
app.command(hidden=True)(provenance)
app.add_typer(bench, name="bench")
app.add_typer(image, name="image")
