"""Images over a WebSocket, as over gRPC (see endpoint.py).

The page sends one text, JSON of SampleImageRequest or, with "knownPixels", of CompleteImageRequest, with an optional
"token". It gets each row of all images as a binary message, and as its last text {"done": true} or {"error": {"code",
"message", "retryAfterMs", "requestId"}}.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from typing_extensions import override
from websockets.asyncio.server import ServerConnection

from wavesynth.server.admission import Admission
from wavesynth.server.images import ImageService
from wavesynth.server.web.config import PageLimits
from wavesynth.server.web.endpoint import Context, Endpoint
from wavesynth.server.web.input import Input
from wavesynth.v1 import images_pb2 as pb

__all__ = ["PicturesEndpoint"]


class PicturesEndpoint(Endpoint):
    """SampleImage and CompleteImage of `service`."""

    method = "SampleImage"

    def __init__(self, service: ImageService, admission: Admission, limits: PageLimits) -> None:
        super().__init__(admission, limits)
        self._service = service

    @override
    def context(self, socket: ServerConnection, token: object) -> Context:
        return _Rows(socket, token)

    @override
    def request(self, given: dict[str, Any]) -> pb.SampleImageRequest | pb.CompleteImageRequest:
        message = pb.CompleteImageRequest() if "knownPixels" in given else pb.SampleImageRequest()
        return json_format.ParseDict(given, message)

    @override
    async def call(self, request: Any, given: Input, context: Any) -> dict[str, Any] | None:
        if isinstance(request, pb.CompleteImageRequest):
            await self._service.CompleteImage(request, context)
        else:
            await self._service.SampleImage(request, context)
        return {"done": True}


class _Rows(Context):
    """Sends rows of images."""

    async def write(self, response: pb.SampleImageResponse | pb.CompleteImageResponse) -> None:
        """Sends a row."""
        await self.send(response.row.pixels)
