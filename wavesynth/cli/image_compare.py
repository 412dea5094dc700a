"""`wavesynth image compare`: PixelCNN, Gated PixelCNN, Row LSTM and Diagonal BiLSTM on the same data."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavesynth.cli.common import one_sentence_errors, say_ignored_images
from wavesynth.cli.configurations import find_configuration
from wavesynth.cli.terminal import say

if TYPE_CHECKING:
    from wavesynth.training.image_comparison import Compared

__all__ = ["compare"]

_TITLES = {
    "parameters": "parameters",
    "steps": "steps",
    "epoch_seconds": "epoch (s)",
    "nats": "test (nats/image)",
    "bits_per_dim": "test (bits/dim)",
    "sampling_seconds": "one image (s)",
    "peak_memory_mb": "peak memory (MB)",
    "receptive_pixels": "context (pixels)",
}


def compare(
    config: Annotated[Path, typer.Argument(help="Configuration whose [model] kind is varied.")],
    minutes: Annotated[float, typer.Option(help="Training time of each.", min=0.0)] = 10.0,
    images: Annotated[int, typer.Option(help="Test images to measure on.", min=1)] = 1000,
    out: Annotated[Path, typer.Option(help="Folder for the table and the picture.")] = Path("out"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Trains the four networks one after the other for the same time and writes a table and plots.

    Example: wavesynth image compare compare --minutes 60 --out docs
    """
    from wavesynth.files import atomic_path, check_output
    from wavesynth.models.images import KINDS
    from wavesynth.training.configuration import read_toml
    from wavesynth.training.image_comparison import compare_kind
    from wavesynth.training.images import fixed_images, parse_images
    from wavesynth.workers import worker_pool

    with one_sentence_errors():
        configuration = read_toml(find_configuration(config, images=True), parse_images)
        # Refuses what does not fit before the wait.
        fixed_images(configuration.model, configuration.data, "test")
        for name in ("image-comparison.md", "image-comparison.png"):
            check_output(out / name)
        say_ignored_images(configuration.data.folder)
        results = {}
        for kind in KINDS:
            say(f"{kind}: {minutes:g} minutes", err=True)
            with worker_pool(1) as pool:  # a process each, so that each has its own peak of memory
                results[kind] = pool.submit(compare_kind, configuration, kind, 60 * minutes, images).result()
        compared = [result[0] for result in results.values()]
        table = _table(compared)
        with atomic_path(out / "image-comparison.md") as path:
            path.write_text(table, encoding="utf-8")
        _plot(results, configuration.model.levels, out / "image-comparison.png")
    say(json.dumps([asdict(one) for one in compared]) if as_json else table)


def _table(compared: list[Compared]) -> str:
    lines = [f"| | {' | '.join(_TITLES.values())} |", f"|---|{'---:|' * len(_TITLES)}"]
    for one in compared:
        values = [getattr(one, name) for name in _TITLES]
        cells = [f"{value:,}" if isinstance(value, int) else f"{value:,.3f}" for value in values]
        lines.append(f"| {one.kind} | {' | '.join(cells)} |")
    first = compared[0]
    lines.append(
        f"\nContext: of the {first.earlier_pixels} pixels before the image's middle one. "
        f"{first.images:,} test images. Peak memory is the whole process's."
    )
    return "\n".join(lines) + "\n"


def _plot(results: dict, levels: int, path: Path) -> None:
    """Loss against minutes above, then each network's receptive field and four of its images."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from wavesynth.evaluation.pictures import grid
    from wavesynth.files import atomic_path
    from wavesynth.models.pixels import intensities

    figure = Figure(figsize=(2.6 * len(results), 8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.add_gridspec(3, len(results), height_ratios=(1.3, 1, 1))
    losses = figure.add_subplot(rows[0, :])
    lowest = min(nats for _, curve, _, _ in results.values() for _, nats in curve)
    for column, (kind, (_, curve, seen, images)) in enumerate(results.items()):
        seconds, nats = np.array(curve).T
        width = max(1, len(nats) // 100)
        smooth = np.convolve(nats, np.ones(width) / width, "valid")
        losses.plot(seconds[width - 1 :] / 60, smooth, label=kind)
        field = figure.add_subplot(rows[1, column])
        field.imshow(seen, cmap="Blues", vmin=0, vmax=1.3)
        field.plot(seen.shape[1] // 2, seen.shape[0] // 2, "s", color="tab:red", markersize=3)
        field.set_title(kind, fontsize=10)
        made = figure.add_subplot(rows[2, column])
        made.imshow(grid(intensities(images, levels), 4).squeeze(-1), cmap="gray", vmin=0, vmax=255)
        for axis in (field, made):
            axis.set_axis_off()
    losses.set_ylim(0.95 * lowest, 1.6 * lowest)  # where they differ: they all begin far above
    losses.set_xlabel("training (minutes)")
    losses.set_ylabel("nats/image")
    losses.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
