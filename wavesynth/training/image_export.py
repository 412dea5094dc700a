"""A trained model of images as it is used: its files, its card, and its likelihood on a test set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from wavesynth.data.images import ImageSet
from wavesynth.data.split import Split
from wavesynth.evaluation.images import likelihood_of
from wavesynth.evaluation.pictures import grid, save_png
from wavesynth.files import atomic_path, check_output
from wavesynth.images.model import ImageModel, load_image_model, save_image_model
from wavesynth.images.sampling import params_from
from wavesynth.kinds import kind_of
from wavesynth.models.pixels import intensities
from wavesynth.training.images import ImageDataConfig, fixed_images
from wavesynth.training.recipe import Exported, ExportOptions
from wavesynth.workers import threads

__all__ = ["ExportedImages", "export_images", "measured"]

#: Images on the card.
_IMAGES = 40
#: Of these so many are side by side.
_COLUMNS = 10


@dataclass(frozen=True)
class ExportedImages(Exported):
    """A model that was written, and its likelihood on the test set."""

    nats: float
    bits_per_dim: float

    @property
    def sentence(self) -> str:
        """Its likelihood."""
        return f"{self.nats:.3f} nats/image, {self.bits_per_dim:.4f} bits/dim"


def export_images(model: ImageModel, out: Path, options: ExportOptions) -> ExportedImages:
    """Writes a model, reads it again and measures it on the test images in `options.data`, or on `options.images` of
    them, and says so on its card, beside forty images that it made. Raises ValueError without a folder of images."""
    if options.data is None:
        raise ValueError(
            "data is missing; it must be a folder of test images, as `wavesynth image export` takes it"
        )
    for name in ("model.json", "weights.safetensors", "samples.png", "CARD.md"):
        check_output(out / name)
    save_image_model(out, model)
    written = load_image_model(out)

    def track(starts: list[int]) -> Iterable[int]:
        return options.track(starts, "Measuring", len(starts))

    figures = measured(written, options.data, "test", options.images, track)
    c = written.network.config
    labels = torch.arange(_IMAGES) % c.labels if c.labels else None
    with threads():
        made = torch.stack(list(written.rows(params_from(0, _IMAGES), labels)), 1)
    save_png(out / "samples.png", grid(intensities(made, c.levels), _COLUMNS))
    with atomic_path(out / "CARD.md") as path:
        path.write_text(_card(written, figures), encoding="utf-8")
    return ExportedImages(written.name, written.steps, figures["nats"], figures["bits_per_dim"])


def measured(
    model: ImageModel,
    data: Path,
    split: Split,
    count: int | None = None,
    track: Callable[[list[int]], Iterable[int]] = iter,
) -> dict[str, Any]:
    """The likelihood of `count` images of a split, or of all, with what their values are."""
    config = model.network.config
    binarisation: Literal["static"] | None = "static" if config.levels == 2 else None
    whole: ImageSet = fixed_images(config, ImageDataConfig(str(data), binarisation), split)
    some = ImageSet(whole.images[:count], None if whole.labels is None else whole.labels[:count])
    kind: Any = kind_of(model.kind)
    figures = asdict(likelihood_of(model.network.module, some, track=track, nll=kind.nll))
    if config.levels == 2:
        trained_on = f", trained with {model.binarisation} binarisation" if model.binarisation else ""
        values = f"2 levels, drawn once by intensity{trained_on}"
    else:
        values = f"{config.levels} levels"
    values += kind.measured_as
    return {"model": model.name, "split": split, **figures, "values": values, "steps": model.steps}


def _card(model: ImageModel, figures: dict[str, Any]) -> str:
    """The card of an exported model, with the figures of `wavesynth image evaluate`."""
    c = model.network.config
    parameters = sum(parameter.numel() for parameter in model.network.module.parameters())
    kind: Any = kind_of(model.kind)
    return f"""# {model.name}

{model.description}

![Forty images that it made, seed 0](samples.png)

| | |
|---|---|
| licence of the images | {model.licence} |
| images | {c.height} x {c.width}, {c.channels} channels, {figures["values"]} |
| classes | {c.labels or "not conditioned"} |
| network | {kind.summary(c)}, {parameters:,} parameters |
| trained | {model.steps:,} steps |
| test | {figures["nats"]:.3f} ± {figures["standard_error"]:.3f} nats/image, {figures["bits_per_dim"]:.4f} bits/dim |
| measured on | {figures["images"]:,} images, with the weights as they are written here (float16) |
"""
