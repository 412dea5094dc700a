"""Sound over a WebSocket, as over gRPC (see endpoint.py).

The page sends one text, JSON of ResynthesizeConfig, with an optional "token"; then samples, as binary messages in
the format that it named; then the text "end". Or, for a voice that takes a duration, {"synthesis", "durationSeconds"}
and nothing else. It gets {"sampleRate", "firstSample"} as text, binary messages of 16-bit PCM, and as its last text
{"statistics"} or {"error": {"code", "message", "retryAfterMs"}}.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from google.protobuf import json_format
from starlette.websockets import WebSocket
from typing_extensions import override

from wavesynth.server.service import SynthesisService
from wavesynth.server.web.endpoint import Context, Endpoint, Messages
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["StreamEndpoint"]


class StreamEndpoint(Endpoint):
    """StreamSynthesize and Resynthesize of `service`."""

    def __init__(self, service: SynthesisService, origins: Sequence[str]) -> None:
        super().__init__(origins)
        self._service = service

    @override
    def request(self, given: dict[str, Any]) -> pb.StreamSynthesizeRequest | pb.ResynthesizeConfig:
        if "durationSeconds" not in given:
            return json_format.ParseDict(given, pb.ResynthesizeConfig())
        seconds = {"durationSeconds": given.pop("durationSeconds")}
        return json_format.ParseDict({**given, "conditioning": seconds}, pb.StreamSynthesizeRequest())

    @override
    async def call(self, request: Any, messages: Messages, socket: WebSocket, token: str) -> None:
        context: Any = _Chunks(socket, token)
        if isinstance(request, pb.StreamSynthesizeRequest):
            await self._service.StreamSynthesize(request, context)
        else:
            await self._service.Resynthesize(_requests(request, messages), context)


class _Chunks(Context):
    """Sends chunks of sound."""

    _begun = False

    async def write(self, response: pb.ResynthesizeResponse | pb.StreamSynthesizeResponse) -> None:
        """Sends a chunk."""
        chunk = response.chunk
        if not self._begun:
            self._begun = True
            await self._socket.send_json({"sampleRate": chunk.sample_rate, "firstSample": chunk.first_sample})
        await self._socket.send_bytes(chunk.audio)
        if chunk.HasField("statistics"):
            await self._socket.send_json({"statistics": json_format.MessageToDict(chunk.statistics)})


async def _requests(
    config: pb.ResynthesizeConfig, messages: Messages
) -> AsyncIterator[pb.ResynthesizeRequest]:
    yield pb.ResynthesizeRequest(config=config)
    while isinstance(message := await messages.get(), bytes):
        yield pb.ResynthesizeRequest(audio=message)
