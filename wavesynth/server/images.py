"""The calls for images: every field is checked here, and rows are passed on as they are made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import grpc

from wavesynth.images.model import ImageModel
from wavesynth.models.pixels import ImageModelConfig
from wavesynth.sampling.reference import SamplingParams
from wavesynth.server.admission import Admission
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.server.image_worker import ImageJob, ImageWorker
from wavesynth.server.telemetry import Call
from wavesynth.v1 import images_pb2 as pb
from wavesynth.v1.images_pb2_grpc import ImageServiceServicer

__all__ = ["ImageService"]

#: Images of one call.
_MAX_COUNT = 64


class ImageService(ImageServiceServicer):
    """Serves `models`, each with the folder that it is in."""

    def __init__(
        self, models: Mapping[str, tuple[ImageModel, Path]], worker: ImageWorker, admission: Admission
    ) -> None:
        self._models, self._worker, self._admission = dict(sorted(models.items())), worker, admission

    async def ListImageModels(  # noqa: N802
        self, request: pb.ListImageModelsRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListImageModelsResponse:
        """The models of images that are served."""
        async with self._admission.call("ListImageModels", context):
            return self.listed()

    def listed(self) -> pb.ListImageModelsResponse:
        """All models, by name."""
        return pb.ListImageModelsResponse(models=[_describe(model) for model, _ in self._models.values()])

    async def SampleImage(  # type: ignore[override]  # noqa: N802
        self, request: pb.SampleImageRequest, context: grpc.aio.ServicerContext
    ) -> None:
        """The rows of new images, a message each."""
        async with self._admission.call("SampleImage", context) as call:
            job, _ = self._job(call, request.synthesis)
            async with aclosing(self._worker.rows(job)) as rows:
                async for row in _numbered(rows):
                    await context.write(pb.SampleImageResponse(row=row))

    async def CompleteImage(  # type: ignore[override]  # noqa: N802
        self, request: pb.CompleteImageRequest, context: grpc.aio.ServicerContext
    ) -> None:
        """The rows of images whose first pixels are given, a message each."""
        async with self._admission.call("CompleteImage", context) as call:
            job, c = self._job(call, request.synthesis)
            if len(request.pixels) != c.dimensions:
                raise invalid(
                    f"pixels has {len(request.pixels)} bytes; it must have {c.dimensions}, "
                    f"{c.height} x {c.width} x {c.channels}"
                )
            if request.known_pixels > c.height * c.width:
                raise invalid(
                    f"known_pixels is {request.known_pixels}; it must be from 0 to {c.height * c.width}"
                )
            job = replace(job, known=request.pixels, pixels=request.known_pixels)
            async with aclosing(self._worker.rows(job)) as rows:
                async for row in _numbered(rows):
                    await context.write(pb.CompleteImageResponse(row=row))

    def _job(self, call: Call, synthesis: pb.ImageSynthesis) -> tuple[ImageJob, ImageModelConfig]:
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
        model, folder = self._models[name]
        c = model.network.config
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
        return ImageJob(folder, synthesis.seed, temperature, label, synthesis.count or 1), c


async def _numbered(rows: AsyncIterator[bytes]) -> AsyncIterator[pb.ImageRow]:
    number = 0
    async for pixels in rows:
        yield pb.ImageRow(row=number, pixels=pixels)
        number += 1


def _describe(model: ImageModel) -> pb.ImageModel:
    c = model.network.config
    return pb.ImageModel(
        name=model.name,
        description=model.description,
        licence=model.licence,
        height=c.height,
        width=c.width,
        channels=c.channels,
        levels=c.levels,
        labels=c.labels,
    )
