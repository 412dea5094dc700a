"""A WebSocket as a call of the API: the same checks, limits, log and metrics, since it is the same method.

The page sends one text, JSON of ResynthesizeConfig, with an optional "token"; then samples, as binary messages in
the format that it named; then the text "end". Or, for a voice that takes a duration, {"synthesis", "durationSeconds"}
and nothing else. It gets {"sampleRate", "firstSample"} as text, binary messages of 16-bit PCM, and as its last text
{"statistics"} or {"error": {"code", "message", "retryAfterMs"}}.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

import grpc
from google.protobuf import json_format
from starlette.websockets import WebSocket, WebSocketDisconnect

from wavesynth.server.refusal import invalid
from wavesynth.server.service import SynthesisService
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["Stream"]

_REFUSED, _AHEAD = 1008, 16


class Stream:
    """The endpoint, for pages of the service's own origin and of `origins`."""

    def __init__(self, service: SynthesisService, origins: Sequence[str]) -> None:
        self._service = service
        self._origins = origins

    async def serve(self, socket: WebSocket) -> None:
        """One call, from its first message to the close."""
        if not self._may(socket):
            await socket.close(_REFUSED)
            return
        await socket.accept()
        messages: asyncio.Queue[str | bytes] = asyncio.Queue(_AHEAD)
        call = asyncio.create_task(self._call(socket, messages))
        reader = asyncio.create_task(_read(socket, messages))
        try:
            await asyncio.wait([call, reader], return_when=asyncio.FIRST_COMPLETED)
            if call.done() and not reader.done():
                await socket.close()
        finally:
            for task in (call, reader):
                task.cancel()
            await asyncio.gather(call, reader, return_exceptions=True)

    def _may(self, socket: WebSocket) -> bool:
        """Whether the page is one of ours; what is no browser sends no origin."""
        origin = socket.headers.get("origin")
        if origin is None or origin in self._origins:
            return True
        return urlsplit(origin).netloc == socket.headers.get("host")

    async def _call(self, socket: WebSocket, messages: asyncio.Queue[str | bytes]) -> None:
        first = await messages.get()
        try:
            given = json.loads(first)
            token = given.pop("token", "")
            whole = "durationSeconds" in given
            if whole:
                seconds = {"durationSeconds": given.pop("durationSeconds")}
                request = pb.StreamSynthesizeRequest()
                json_format.ParseDict({**given, "conditioning": seconds}, request)
            else:
                config = json_format.ParseDict(given, pb.ResynthesizeConfig())
        except (ValueError, TypeError, AttributeError, json_format.ParseError) as error:
            refusal = invalid(f"the first message is not a configuration: {error}")
            await _Context(socket, "").send_error(refusal.code, str(refusal))
            return
        context: Any = _Context(socket, token)
        try:
            if whole:
                await self._service.StreamSynthesize(request, context)
            else:
                await self._service.Resynthesize(_requests(config, messages), context)
        except _AbortedError:
            pass


class _AbortedError(Exception):
    """The call was refused, and the page was told."""


class _Context:
    """What the service's methods use of a gRPC context."""

    def __init__(self, socket: WebSocket, token: str) -> None:
        self._socket = socket
        self._token = token
        self._begun = False

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """The page's token, as a client sends it."""
        return (("authorization", f"Bearer {self._token}"),)

    def time_remaining(self) -> None:
        """There is no deadline."""

    async def write(self, response: pb.ResynthesizeResponse | pb.StreamSynthesizeResponse) -> None:
        """Sends a chunk."""
        chunk = response.chunk
        if not self._begun:
            self._begun = True
            await self._socket.send_json({"sampleRate": chunk.sample_rate, "firstSample": chunk.first_sample})
        await self._socket.send_bytes(chunk.audio)
        if chunk.HasField("statistics"):
            await self._socket.send_json({"statistics": json_format.MessageToDict(chunk.statistics)})

    async def abort(
        self, code: grpc.StatusCode, details: str = "", metadata: Sequence[tuple[str, str]] = ()
    ) -> NoReturn:
        """Says why there is no more."""
        await self.send_error(code, details, dict(metadata).get("retry-after-ms"))
        raise _AbortedError

    async def send_error(self, code: grpc.StatusCode, message: str, retry: str | None = None) -> None:
        """The last message of a call that was refused."""
        error = {"code": code.name, "message": message}
        await self._socket.send_json({"error": error | ({"retryAfterMs": int(retry)} if retry else {})})


async def _read(socket: WebSocket, messages: asyncio.Queue[str | bytes]) -> None:
    """Moves messages until the page is gone; waits while the call has not taken those before."""
    try:
        while (message := await socket.receive())["type"] == "websocket.receive":
            await messages.put(message["bytes"] if message.get("bytes") is not None else message["text"])
    except WebSocketDisconnect:
        pass


async def _requests(
    config: pb.ResynthesizeConfig, messages: asyncio.Queue[str | bytes]
) -> AsyncIterator[pb.ResynthesizeRequest]:
    yield pb.ResynthesizeRequest(config=config)
    while isinstance(message := await messages.get(), bytes):
        yield pb.ResynthesizeRequest(audio=message)
