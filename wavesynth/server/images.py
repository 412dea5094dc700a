"""The calls for images: every field is checked here, and rows are passed on as they are made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc

from wavesynth.extras import is_installed, missing
from wavesynth.formats import FormatError
from wavesynth.sampling.params import SamplingParams
from wavesynth.server.admission import Admission
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.server.image_worker import ImageJob, ImageWorker
from wavesynth.server.listing import fitting
from wavesynth.server.telemetry import Call, log
from wavesynth.server.waiting import Answer
from wavesynth.v1 import images_pb2 as pb
from wavesynth.v1.images_pb2_grpc import ImageServiceServicer

__all__ = ["ImageService", "ServedImages", "served_images"]

#: Images of one call.
_MAX_COUNT = 64
#: What needs PyTorch here.
_IMAGES = "making images"


@dataclass(frozen=True)
class ServedImages:
    """What calls need to know of a model of images; its network the image worker loads."""

    name: str
    description: str
    licence: str
    folder: Path
    height: int
    width: int
    channels: int
    levels: int
    labels: int
    whole: bool = False
    """Whether its images come whole, so that none can be completed."""
    edition: int = 0
    """Another one each time that it is read."""
    sign: str = ""
    """Of the folder, when it was read."""

    @classmethod
    def read(cls, editions: Iterator[int], folder: Path, sign: str) -> ServedImages:
        """The one in a folder, which has that `sign` (`sign_of_folder`). Raises FormatError."""
        from wavesynth.images.model import load_image_model

        model = load_image_model(folder)
        c = model.network.config
        texts, size = (model.name, model.description, model.licence), (c.height, c.width, c.channels)
        whole = not model.paints_by_rows
        return cls(*texts, folder, *size, c.levels, c.labels, whole=whole, edition=next(editions), sign=sign)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> ServedImages:
        """The one that `plain` was of, as JSON."""
        return cls(**plain | {"folder": Path(plain["folder"])})


def served_images(
    folder: Path | None, left_out: Callable[[FormatError], None], load: Callable[[Path], ServedImages]
) -> dict[str, ServedImages]:
    """The models of images below `folder` by name, those that ship without one, as `load` makes them. `left_out` is
    told of one that is broken; ValueError if there is no other."""
    from wavesynth.images.model import load_image_models

    if not is_installed("torch"):
        log(missing("torch", _IMAGES))
    return {name: model for name, (model, _) in load_image_models(folder, left_out, load).items()}


class ImageService(ImageServiceServicer):
    """Serves `models`, by name."""

    def __init__(self, models: Mapping[str, ServedImages], worker: ImageWorker, admission: Admission) -> None:
        self._worker, self._admission = worker, admission
        self.serve(models)

    def serve(self, models: Mapping[str, ServedImages]) -> None:
        """From now on these are served."""
        self._models = dict(sorted(models.items()))
        self._list = pb.ListImageModelsResponse(models=fitting(map(_describe, self._models.values())))

    async def warm(self) -> None:
        """Has the image worker load all models. What fails will fail again where an image is asked for."""
        for model in self._models.values() if is_installed("torch") else ():
            with suppress(RefusedError):
                async for _ in self._worker.results(
                    ImageJob(model.folder, 0, 1.0, None, 0, edition=model.edition, sign=model.sign)
                ):
                    pass

    async def ListImageModels(  # noqa: N802
        self, request: pb.ListImageModelsRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListImageModelsResponse:
        """The models of images that are served."""
        async with self._admission.call("ListImageModels", context):
            return self.listed()

    def listed(self) -> pb.ListImageModelsResponse:
        """The models, by name."""
        return self._list

    async def SampleImage(  # type: ignore[override]  # noqa: N802
        self, request: pb.SampleImageRequest, context: grpc.aio.ServicerContext
    ) -> None:
        """The rows of new images, a message each."""
        async with self._admission.call("SampleImage", context) as call:
            job, _ = self._job(call, request.synthesis)
            answer = Answer(context, self._admission.limits, call)
            async with aclosing(self._worker.results(job)) as rows:
                async for row in _numbered(rows):
                    await answer.send(pb.SampleImageResponse(row=row))

    async def CompleteImage(  # type: ignore[override]  # noqa: N802
        self, request: pb.CompleteImageRequest, context: grpc.aio.ServicerContext
    ) -> None:
        """The rows of images whose first pixels are given, a message each."""
        async with self._admission.call("CompleteImage", context) as call:
            job, c = self._job(call, request.synthesis)
            if c.whole:
                able = ", ".join(model.name for model in self._models.values() if not model.whole)
                allowed = f"one that makes it row by row: {able}" if able else "one that makes it row by row"
                raise invalid(f"model is {c.name}, which makes an image as a whole; it must be {allowed}")
            dimensions = c.height * c.width * c.channels
            if len(request.pixels) != dimensions:
                raise invalid(
                    f"pixels has {len(request.pixels)} bytes; it must have {dimensions}, "
                    f"{c.height} x {c.width} x {c.channels}"
                )
            if request.known_pixels > c.height * c.width:
                raise invalid(
                    f"known_pixels is {request.known_pixels}; it must be from 0 to {c.height * c.width}"
                )
            job = replace(job, known=request.pixels, pixels=request.known_pixels)
            answer = Answer(context, self._admission.limits, call)
            async with aclosing(self._worker.results(job)) as rows:
                async for row in _numbered(rows):
                    await answer.send(pb.CompleteImageResponse(row=row))

    def _job(self, call: Call, synthesis: pb.ImageSynthesis) -> tuple[ImageJob, ServedImages]:
        """What is asked for; RefusedError names the field, what came and what is allowed."""
        if not self._models:
            raise RefusedError(
                grpc.StatusCode.NOT_FOUND, "model is not found; this service has no models of images"
            )
        name = synthesis.model or next(iter(self._models))
        if name not in self._models:
            known = ", ".join(self._models)
            raise RefusedError(grpc.StatusCode.NOT_FOUND, f"model is {name[:100]!r}; the models are {known}")
        call.voice = name
        if not is_installed("torch"):
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, missing("torch", _IMAGES))
        c = self._models[name]
        temperature = synthesis.temperature if synthesis.HasField("temperature") else 1.0
        try:
            SamplingParams(synthesis.seed, temperature)
        except ValueError as error:
            raise invalid(str(error)) from error
        label = synthesis.label if synthesis.HasField("label") else None
        if c.labels and (label is None or label >= c.labels):
            raise invalid(
                f"label is {'missing' if label is None else label}; it must be from 0 to {c.labels - 1}"
            )
        if not c.labels and label is not None:
            raise invalid(f"label is {label}; it must be absent, since {name} knows no classes")
        if synthesis.count > _MAX_COUNT:
            raise invalid(f"count is {synthesis.count}; it must be from 1 to {_MAX_COUNT}")
        return ImageJob(
            c.folder,
            synthesis.seed,
            temperature,
            label,
            synthesis.count or 1,
            edition=c.edition,
            sign=c.sign,
        ), c


async def _numbered(rows: AsyncIterator[bytes]) -> AsyncIterator[pb.ImageRow]:
    number = 0
    async for pixels in rows:
        yield pb.ImageRow(row=number, pixels=pixels)
        number += 1


def _describe(model: ServedImages) -> pb.ImageModel:
    return pb.ImageModel(
        name=model.name,
        description=model.description,
        licence=model.licence,
        height=model.height,
        width=model.width,
        channels=model.channels,
        levels=model.levels,
        labels=model.labels,
        whole=model.whole,
    )
