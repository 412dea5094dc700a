"""Sound over a WebSocket, as over gRPC (see endpoint.py).

The page sends one text, JSON of ResynthesizeConfig, with an optional "token"; then samples, as binary messages in
the format that it named; then the text "end". Or, with all that goes in, JSON of StreamSynthesizeRequest and nothing
else, such as {"synthesis", "conditioning": {"text": {"text"}}}; for a voice that takes a duration, {"synthesis",
"durationSeconds"} will do. It gets {"sampleRate", "firstSample"} as text, binary messages of 16-bit PCM, of a text
{"words": [{"text", "begin", "end", "firstSample", "endSample"}]} before the PCM in which they begin, and as its last
text {"statistics"} or {"error": {"code", "message", "retryAfterMs", "requestId"}}.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf import json_format
from typing_extensions import override
from websockets.asyncio.server import ServerConnection

from wavesynth.server.admission import Admission
from wavesynth.server.service import SynthesisService
from wavesynth.server.web.config import PageLimits
from wavesynth.server.web.endpoint import Context, Endpoint
from wavesynth.server.web.input import Input
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["StreamEndpoint"]


class StreamEndpoint(Endpoint):
    """StreamSynthesize and Resynthesize of `service`."""

    method = "Resynthesize"

    def __init__(self, service: SynthesisService, admission: Admission, limits: PageLimits) -> None:
        super().__init__(admission, limits)
        self._service = service

    @override
    def context(self, socket: ServerConnection, token: object) -> Context:
        return _Chunks(socket, token)

    @override
    def request(self, given: dict[str, Any]) -> pb.StreamSynthesizeRequest | pb.ResynthesizeConfig:
        if "durationSeconds" in given:
            given["conditioning"] = {"durationSeconds": given.pop("durationSeconds")}
        if "conditioning" in given:
            return json_format.ParseDict(given, pb.StreamSynthesizeRequest())
        return json_format.ParseDict(given, pb.ResynthesizeConfig())

    @override
    async def call(self, request: Any, given: Input, context: Any) -> dict[str, Any] | None:
        if isinstance(request, pb.StreamSynthesizeRequest):
            await self._service.StreamSynthesize(request, context)
        else:
            await self._service.Resynthesize(_requests(request, given), context)
        return None


class _Chunks(Context):
    """Sends chunks of sound."""

    _begun = False

    async def write(self, response: pb.ResynthesizeResponse | pb.StreamSynthesizeResponse) -> None:
        """Sends a chunk."""
        chunk = response.chunk
        messages: list[bytes | dict[str, Any]] = [chunk.audio]
        if not self._begun:
            self._begun = True
            messages.insert(0, {"sampleRate": chunk.sample_rate, "firstSample": chunk.first_sample})
        if chunk.words:
            messages.insert(-1, {"words": [_plain(word) for word in chunk.words]})
        if chunk.HasField("statistics"):
            messages.append({"statistics": json_format.MessageToDict(chunk.statistics)})
        await self.send(*messages)


def _plain(word: pb.WordTiming) -> dict[str, Any]:
    """With numbers as numbers, where JSON of protobuf has texts for those of 64 bits."""
    times = {"firstSample": word.first_sample, "endSample": word.end_sample}
    return {"text": word.text, "begin": word.begin, "end": word.end, **times}


async def _requests(config: pb.ResynthesizeConfig, given: Input) -> AsyncIterator[pb.ResynthesizeRequest]:
    yield pb.ResynthesizeRequest(config=config)
    async for piece in given.pieces():
        yield pb.ResynthesizeRequest(audio=piece)
