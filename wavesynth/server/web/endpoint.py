"""A WebSocket as a call of the API: the same checks, limits, log and metrics, since it is the same method.

The WebSocket is on the page's event loop, and the call on the service's.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NoReturn

import grpc
from google.protobuf.json_format import ParseError
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from wavesynth.server.admission import Admission
from wavesynth.server.errors import RETRY, RefusedError, invalid
from wavesynth.server.request_ids import HEADER
from wavesynth.server.web.calls import CallContext
from wavesynth.server.web.config import PageLimits
from wavesynth.server.web.input import Input, on_loop

__all__ = ["AbortedError", "Context", "Endpoint"]

#: Letters of what is wrong with a first message that are said.
_SAID = 200


class AbortedError(Exception):
    """The call was refused, and the page was told."""


class Endpoint(ABC):
    """The page's first message is JSON; its "token" is taken as a client's. Made on the service's event loop.

    What is no first message is a call of `method` that is refused, in the log and the metrics too.
    """

    method: str

    def __init__(self, admission: Admission, limits: PageLimits) -> None:
        self._admission, self._limits = admission, limits
        self._service_loop = asyncio.get_running_loop()
        self._silent: dict[ServerConnection, None] = {}

    async def serve(self, socket: ServerConnection) -> None:
        """One call, from its first message to the close."""
        last = None
        try:
            with suppress(ConnectionClosed):
                last = await self._answer(socket, await self._first(socket))
        finally:
            await self._close(socket, last)

    async def _first(self, socket: ServerConnection) -> str | bytes:
        self._silent[socket] = None
        if len(self._silent) > self._limits.silent:
            oldest = next(iter(self._silent))
            del self._silent[oldest]
            oldest.transport.abort()
        try:
            return await socket.recv()
        finally:
            self._silent.pop(socket, None)

    async def _answer(self, socket: ServerConnection, first: str | bytes) -> dict[str, Any] | None:
        """The call; what is still to be said."""
        context: Any = self.context(socket, "")
        says_who = False
        try:
            if len(first) > (most := self._limits.first_message):
                raise ValueError(f"it has {len(first)} bytes; it may have at most {most}")
            given = json.loads(first)
            context, says_who = self.context(socket, given.pop("token", "")), True
            request = self.request(given)
        except (ValueError, TypeError, AttributeError, ParseError, RecursionError) as error:
            refusal = invalid(f"the first message is not a configuration: {str(error)[:_SAID]}")
            with suppress(AbortedError):
                refused = self._admission.refuse(self.method, context, refusal, checked=says_who)
                await on_loop(self._service_loop, refused)
            return None
        later = Input(self._limits.ahead)
        made = self.call(request, later, context)
        call = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(made, self._service_loop))
        either: list[asyncio.Future[Any]] = [call, asyncio.create_task(later.read(socket))]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in either:
                end.cancel()
            await asyncio.gather(*either, return_exceptions=True)
        return None if call.cancelled() or call.exception() else call.result()

    async def _close(self, socket: ServerConnection, last: dict[str, Any] | None) -> None:
        """Says the last, and closes the WebSocket; a page that does not read is not waited for."""
        with suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(self._limits.close):
                if last is not None:
                    await socket.send(json.dumps(last))
                await socket.close()

    @abstractmethod
    def context(self, socket: ServerConnection, token: object) -> Context:
        """What the call writes to."""

    @abstractmethod
    def request(self, given: dict[str, Any]) -> Any:
        """The request that the first message is; ValueError or ParseError if it is none."""

    @abstractmethod
    async def call(self, request: Any, given: Input, context: Any) -> dict[str, Any] | None:
        """The call itself, on the service's event loop; returns what is to be said after it. Raises AbortedError when
        the page was told why there is no more."""


class Context(CallContext):
    """A WebSocket as a gRPC context, but for `write`."""

    def __init__(self, socket: ServerConnection, token: object) -> None:
        answer, request = socket.response, socket.request
        name = answer.headers.get(HEADER, "") if answer else ""
        sent = request.headers.get_all("traceparent") if request else ()  # by a proxy that traces
        traced = tuple(("traceparent", parent) for parent in sent)
        metadata = (("authorization", f"Bearer {token}"), (HEADER, name), *traced)
        super().__init__(socket.remote_address or (), metadata)
        self._socket = socket

    async def abort(
        self, code: grpc.StatusCode, details: str = "", metadata: Sequence[tuple[str, str]] = ()
    ) -> NoReturn:
        """Says why there is no more."""
        with suppress(RefusedError):  # nobody is there to be told
            await self.send(_error(code, details, dict(metadata)))
        raise AbortedError

    async def send(self, *messages: bytes | dict[str, Any]) -> None:
        """Sends bytes, and objects as JSON. Raises RefusedError when the page is gone."""
        await self.on_page(self._send(messages))

    async def _send(self, messages: Sequence[bytes | dict[str, Any]]) -> None:
        try:
            for message in messages:
                await self._socket.send(message if isinstance(message, bytes) else json.dumps(message))
        except ConnectionClosed as error:
            raise RefusedError(grpc.StatusCode.CANCELLED, "the page is gone") from error


def _error(
    code: grpc.StatusCode, message: str, metadata: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """The last message of a call that was refused."""
    retry, name = metadata.get(RETRY), metadata.get(HEADER)
    others: dict[str, Any] = {"retryAfterMs": int(retry)} if retry else {}
    others |= {"requestId": name} if name else {}
    return {"error": {"code": code.name, "message": message, **others}}
