"""`wavesynth image sample` and `complete`: new images, and the rest of known ones."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.image_options import Model, read_levels
from wavesynth.cli.terminal import say, track

if TYPE_CHECKING:
    import torch

    from wavesynth.images.model import ImageModel
    from wavesynth.sampling.params import SamplingParams

__all__ = ["complete", "sample"]

Out = Annotated[Path, typer.Option(help="PNG file to write.")]
Seed = Annotated[
    int,
    typer.Option(
        help="The first image's; the second has the next one, and so on: for new images go on by as many as were made.",
        min=0,
        max=2**64 - 1,
    ),
]
Temperature = Annotated[float, typer.Option(help="0.1 (most likely) to 2; 1 as trained.")]
Progress = Annotated[
    Path | None, typer.Option(help="PNG file with the way of the first eight images, from left to right.")
]
Scale = Annotated[int, typer.Option(help="Width of a pixel in the PNG file.", min=1, max=64)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def sample(
    model: Model,
    out: Out,
    count: Annotated[int, typer.Option(help="Images; of each class with --per-class.", min=1, max=4096)] = 64,
    label: Annotated[int | None, typer.Option(help="The class, for a model that knows classes.")] = None,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="A line of --count images for each class.")
    ] = False,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    progress: Progress = None,
    scale: Scale = 3,
    as_json: Json = False,
) -> None:
    """Makes images, all at once, and writes them as one grid. Without a class given, they go through the classes.

    Example: wavesynth image sample models/mnist --count 64 --out digits.png --progress progress.png
    """
    with one_sentence_errors():
        import torch

        from wavesynth.evaluation.pictures import check_png
        from wavesynth.images.sampling import params_from
        from wavesynth.training.images import trained

        check_png(out=out, progress=progress)
        loaded = trained(model)
        if progress is not None and not loaded.paints_by_rows:
            raise ValueError(f"progress is given, but {loaded.name} makes an image as a whole; leave it out")
        classes = loaded.network.config.labels
        if not classes and (per_class or label is not None):
            raise ValueError("label is given, but this model knows no classes")
        if per_class:
            columns, labels = count, torch.arange(classes).repeat_interleave(count)
        else:
            columns = min(count, max(1, round(count**0.5)))
            labels = (
                torch.full((count,), label) if label is not None else torch.arange(count) % max(classes, 1)
            )
        params = params_from(seed, len(labels), temperature)
        made, seconds = _make(loaded, params, labels if classes else None)
        _write(made, out, columns, scale, progress)
    _report({"images": len(made), "seconds": seconds, "out": str(out)}, as_json)


def complete(
    model: Model,
    image: Annotated[Path, typer.Argument(help="Image whose first rows are known.")],
    out: Out,
    rows: Annotated[int | None, typer.Option(help="Rows that are known, from the top.", min=0)] = None,
    mask: Annotated[
        Path | None, typer.Option(help="Image, white where a pixel is known: the first ones, row by row.")
    ] = None,
    answers: Annotated[int, typer.Option(help="How many completions.", min=1, max=4096)] = 8,
    label: Annotated[int | None, typer.Option(help="The class, for a model that knows classes.")] = None,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    progress: Progress = None,
    scale: Scale = 3,
    as_json: Json = False,
) -> None:
    """Completes an image from its first rows; the grid is what is known, the answers, and the image itself.

    A pixel is drawn given those before it, row by row, so nothing below or to the right of a hole can be used.

    Example: wavesynth image complete models/mnist seven.png --rows 14 --answers 8 --out sevens.png
    """
    with one_sentence_errors():
        import torch

        from wavesynth.data.images import read_image
        from wavesynth.evaluation.pictures import check_png, shaded
        from wavesynth.images.sampling import known_prefix, params_from
        from wavesynth.models.pixels import intensities
        from wavesynth.training.images import trained

        if (rows is None) == (mask is None):
            raise ValueError("exactly one of --rows and --mask must be given")
        check_png((image, mask), out=out, progress=progress)
        loaded = trained(model)
        c = loaded.network.config
        if not loaded.paints_by_rows:
            raise ValueError(
                f"model is {loaded.name}, which makes an image as a whole; it must be one that makes it row by row"
            )
        levels = read_levels(loaded.network.module, image)
        if mask is not None:
            where = read_image(mask, 1)[..., 0] >= 128
            if tuple(where.shape) != (c.height, c.width):
                raise ValueError(
                    f"mask has height and width {list(where.shape)}; they must be {[c.height, c.width]}"
                )
            pixels = known_prefix(where)
        else:
            if rows is None or rows > c.height:
                raise ValueError(f"rows is {rows}; it must be from 0 to {c.height}")
            pixels = rows * c.width
        labels = None if label is None else torch.full((answers,), label)
        params = params_from(seed, answers, temperature)
        made, seconds = _make(loaded, params, labels, levels.expand(answers, *c.shape), pixels)
        given = intensities(levels[None], c.levels)
        shown = torch.cat([shaded(given, pixels), made, given])
        _write(shown, out, len(shown), scale, None)
        if progress is not None:
            _write_progress(made, progress, scale, pixels)
    _report({"images": answers, "known_pixels": pixels, "seconds": seconds, "out": str(out)}, as_json)


def _make(
    model: ImageModel,
    params: list[SamplingParams],
    labels: torch.Tensor | None,
    known: torch.Tensor | None = None,
    pixels: int = 0,
) -> tuple[torch.Tensor, float]:
    """Images as intensities, uint8 [B, H, W, C], with how far they are on standard error, and the seconds they took."""
    import torch

    from wavesynth.models.pixels import intensities
    from wavesynth.workers import threads

    c = model.network.config
    start = time.perf_counter()
    stream = model.rows(params, labels, known, pixels)
    with threads():
        made = list(track(stream, "rows", total=c.height))
    return intensities(torch.stack(made, 1), c.levels), time.perf_counter() - start


def _write(images: torch.Tensor, out: Path, columns: int, scale: int, progress: Path | None) -> None:
    from wavesynth.evaluation.pictures import grid, save_png

    save_png(out, grid(images, columns, scale))
    if progress is not None:
        _write_progress(images, progress, scale)


def _write_progress(images: torch.Tensor, path: Path, scale: int, first: int = 0) -> None:
    from wavesynth.evaluation.pictures import grid, progress, save_png

    save_png(path, grid(progress(images[:8], 9, first), 9, scale))


def _report(figures: dict[str, float | int | str], as_json: bool) -> None:
    if as_json:
        say(json.dumps(figures))
        return
    say(f"{figures['images']} images in {figures['seconds']:.2f} s → {figures['out']}")
