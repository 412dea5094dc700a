"""Images in the background: one call after the other, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wavesynth.server.background import BackgroundWorker
from wavesynth.server.editions import Editions

if TYPE_CHECKING:
    from wavesynth.images.model import ImageModel

__all__ = ["ImageJob", "ImageWorker", "image_worker"]


@dataclass(frozen=True)
class ImageJob:
    """What is to be made: `count` images of a model's folder, of which 0 load it alone; the first `pixels` of `known`
    are kept."""

    folder: Path
    seed: int
    temperature: float
    label: int | None
    count: int
    known: bytes = b""
    """Intensities, H · W · C."""
    pixels: int = 0
    edition: int = 0
    """The model's: that of a folder which was read again is loaded again."""
    sign: str = ""
    """Of the folder, when the service read it."""


#: Gives the rows of all images of a job, [count, W, C] intensities each.
ImageWorker = BackgroundWorker[ImageJob]


def image_worker(waiting: int) -> ImageWorker:
    """A worker for images, for which so many calls may be under way or wait."""
    return BackgroundWorker("wavesynth-images", _painter, "calls for images", waiting)


def _painter() -> Callable[[ImageJob], Iterator[bytes]]:
    """What makes the rows of jobs, in the worker's process."""
    import torch

    from wavesynth.images.model import load_image_model

    torch.set_num_threads(1)
    models = Editions(load_image_model)

    def rows(job: ImageJob) -> Iterator[bytes]:
        model = models.get(job.folder, job.edition, job.sign)
        if job.count:
            yield from _rows(model, job)

    return rows


def _rows(model: ImageModel, job: ImageJob) -> Iterator[bytes]:
    import torch

    from wavesynth.images.sampling import params_from
    from wavesynth.models.pixels import intensities, nearest

    c = model.network.config
    labels = None if job.label is None else torch.full((job.count,), job.label)
    known = None
    if job.known:
        image = torch.frombuffer(bytearray(job.known), dtype=torch.uint8).view(1, *c.shape)
        known = nearest(image, c.levels).expand(job.count, *c.shape)
    params = params_from(job.seed, job.count, job.temperature)
    for row in model.rows(params, labels, known, job.pixels):
        yield intensities(row, c.levels).numpy().tobytes()
