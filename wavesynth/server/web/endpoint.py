"""A WebSocket as a call of the API: the same checks, limits, log and metrics, since it is the same method."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

import grpc
from google.protobuf.json_format import ParseError
from starlette.websockets import WebSocket, WebSocketDisconnect

from wavesynth.server.errors import invalid

__all__ = ["AbortedError", "Context", "Endpoint", "Messages"]

#: The code of a close that says why: a policy is violated (RFC 6455, section 7.4.1).
_POLICY_VIOLATION = 1008
#: Messages that are read ahead of the call.
_MAX_AHEAD = 16

Messages = asyncio.Queue[str | bytes]


class AbortedError(Exception):
    """The call was refused, and the page was told."""


class Endpoint(ABC):
    """For pages of the service's own origin and of `origins`. The page's first message is JSON; its "token" is taken
    as a client's.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = origins

    async def serve(self, socket: WebSocket) -> None:
        """One call, from its first message to the close."""
        if not self._may(socket):
            await socket.close(_POLICY_VIOLATION)
            return
        await socket.accept()
        messages: Messages = asyncio.Queue(_MAX_AHEAD)
        call = asyncio.create_task(self._call(socket, messages))
        reader = asyncio.create_task(_read(socket, messages))
        try:
            await asyncio.wait([call, reader], return_when=asyncio.FIRST_COMPLETED)
            if call.done() and not reader.done():
                with suppress(WebSocketDisconnect, RuntimeError):  # the page may have closed it first
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
        try:
            return urlsplit(origin).netloc == socket.headers.get("host")
        except ValueError:  # such as "http://["
            return False

    async def _call(self, socket: WebSocket, messages: Messages) -> None:
        first = await messages.get()
        try:
            given = json.loads(first)
            token = given.pop("token", "")
            request = self.request(given)
        except (ValueError, TypeError, AttributeError, ParseError) as error:
            refusal = invalid(f"the first message is not a configuration: {error}")
            await Context(socket, "").send_error(refusal.code, str(refusal))
            return
        with suppress(AbortedError):
            await self.call(request, messages, socket, token)

    @abstractmethod
    def request(self, given: dict[str, Any]) -> Any:
        """The request that the first message is; ValueError or ParseError if it is none."""

    @abstractmethod
    async def call(self, request: Any, messages: Messages, socket: WebSocket, token: str) -> None:
        """The call itself; AbortedError when the page was told why not."""


class Context:
    """What the service's methods use of a gRPC context, but for `write`."""

    def __init__(self, socket: WebSocket, token: str) -> None:
        self._socket = socket
        self._token = token

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """The page's token, as a client sends it."""
        return (("authorization", f"Bearer {self._token}"),)

    def peer(self) -> str:
        """Who calls, as gRPC writes it."""
        if self._socket.client is None:
            return ""
        host, port = self._socket.client
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"

    def time_remaining(self) -> None:
        """There is no deadline."""

    async def abort(
        self, code: grpc.StatusCode, details: str = "", metadata: Sequence[tuple[str, str]] = ()
    ) -> NoReturn:
        """Says why there is no more."""
        await self.send_error(code, details, dict(metadata).get("retry-after-ms"))
        raise AbortedError

    async def send_error(self, code: grpc.StatusCode, message: str, retry: str | None = None) -> None:
        """The last message of a call that was refused."""
        error = {"code": code.name, "message": message}
        await self._socket.send_json({"error": error | ({"retryAfterMs": int(retry)} if retry else {})})


async def _read(socket: WebSocket, messages: Messages) -> None:
    """Moves messages until the page is gone; waits while the call has not taken those before."""
    try:
        while (message := await socket.receive())["type"] == "websocket.receive":
            await messages.put(message["bytes"] if message.get("bytes") is not None else message["text"])
    except WebSocketDisconnect:
        pass
