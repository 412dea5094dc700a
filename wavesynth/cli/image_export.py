"""`wavesynth image export`: a training run to a model, with its card and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.image_evaluate import measured
from wavesynth.cli.image_options import Data
from wavesynth.cli.terminal import say

__all__ = ["export"]


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
