"""OpenAI's API: POST /v1/audio/speech, and the list of models. A call is StreamSynthesize, as over gRPC.

The connection is on the page's event loop, and the call on the service's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import h11
from websockets.datastructures import Headers

from wavesynth.server.admission import Admission
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.server.request_ids import HEADER, request_id
from wavesynth.server.service import SynthesisService
from wavesynth.server.validation import Requests
from wavesynth.server.web.config import PageLimits
from wavesynth.server.web.endpoint import AbortedError
from wavesynth.server.web.input import on_loop
from wavesynth.server.web.speech.context import SpeechContext
from wavesynth.server.web.speech.errors import ApiError, of_refusal
from wavesynth.server.web.speech.exchange import BadRequestError, Exchange
from wavesynth.server.web.speech.requests import MODEL, MODELS, Speech, speech_of
from wavesynth.server.web.visitors import Visitors

__all__ = ["SpeechApi"]

#: The method of the service that a call of this API is: in the log, in the metrics, and for the rights of a token.
_METHOD = "StreamSynthesize"


class SpeechApi:
    """Answers requests under /v1. Made on the service's event loop."""

    def __init__(
        self,
        service: SynthesisService,
        requests: Requests,
        admission: Admission,
        limits: PageLimits,
        visitors: Visitors,
    ) -> None:
        self._service, self._requests, self._admission = service, requests, admission
        self._limits, self._visitors = limits, visitors
        self._service_loop = asyncio.get_running_loop()

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Callable[[], None]
    ) -> None:
        """One connection: a request and its answer. `asked` is called when the request is whole."""
        exchange = Exchange(reader, writer)
        with suppress(OSError, h11.LocalProtocolError):  # the caller is gone, or its request is none
            await self._answer(exchange, asked)
        await exchange.close(self._limits.close)

    async def _answer(self, exchange: Exchange, asked: Callable[[], None]) -> None:
        context = SpeechContext(exchange, [(HEADER, request_id(""))])
        try:
            async with asyncio.timeout(self._limits.request):
                head = await exchange.head()
                headers = Headers(
                    (name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers
                )
                metadata = _metadata(headers)
                context = SpeechContext(exchange, metadata)
                if refusal := self._visitors.refusal(headers):
                    raise ApiError(HTTPStatus.FORBIDDEN, refusal)
                path, method = head.target.decode("latin-1").partition("?")[0], head.method.decode("latin-1")
                if path == "/v1/models" or path.startswith("/v1/models/"):
                    self._only(method, "GET")
                    await self._models(exchange, context, path.removeprefix("/v1/models").strip("/"))
                    return
                if path != "/v1/audio/speech":
                    raise ApiError(HTTPStatus.NOT_FOUND, "there is nothing here", code="unknown_url")
                self._only(method, "POST")
                if refused := self._unknown(metadata):
                    await self._refuse(exchange, context, refused)
                    return
                body = await exchange.body(self._limits.message)
            asked()
            speech = await self._speech(exchange, context, body)
        except ApiError as error:
            await context.refuse(error)
        except BadRequestError as error:
            await context.refuse(ApiError(error.status, str(error)))
        except TimeoutError:
            exchange.cut()
        else:
            if speech is not None:
                told: Any = SpeechContext(exchange, metadata, speech.form, speech.events)
                await self._run(self._service.StreamSynthesize(speech.request, told), exchange)

    async def _speech(self, exchange: Exchange, context: SpeechContext, body: bytes) -> Speech | None:
        """What a body asks for; None if it is refused, which is a call that has not begun."""
        try:
            return speech_of(body, self._requests.voices)
        except ApiError as error:
            context.error = error
            await self._refuse(exchange, context, invalid(str(error)))
            return None

    async def _refuse(self, exchange: Exchange, context: Any, refusal: RefusedError) -> None:
        await self._run(self._admission.refuse(_METHOD, context, refusal), exchange)

    async def _run(self, call: Coroutine[Any, Any, Any], exchange: Exchange) -> None:
        """A call on the service's event loop, until it ends or its caller is gone."""
        either = [
            asyncio.create_task(on_loop(self._service_loop, call)),
            asyncio.create_task(exchange.gone()),
        ]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in either:
                end.cancel()
            ended, _ = await asyncio.gather(*either, return_exceptions=True)
        if isinstance(ended, Exception) and not isinstance(ended, AbortedError):
            exchange.cut()  # the log has said why

    def _unknown(self, metadata: list[tuple[str, str]]) -> RefusedError | None:
        """Why nothing is read of a caller without the token."""
        try:
            self._admission.bearer(dict(metadata)["authorization"], "synthesise")
        except RefusedError as refused:
            return refused
        return None

    async def _models(self, exchange: Exchange, context: SpeechContext, name: str) -> None:
        try:
            self._admission.bearer(dict(context.invocation_metadata())["authorization"], "list")
        except RefusedError as refused:
            raise of_refusal(refused) from None
        model = {"id": name or MODEL, "object": "model", "created": 0, "owned_by": "wavesynth"}
        if name and name not in MODELS:
            sentence = f"model {name[:100]!r} does not exist; the model is {MODEL}"
            raise ApiError(HTTPStatus.NOT_FOUND, sentence, "model", "model_not_found")
        found = model if name else {"object": "list", "data": [model]}
        await exchange.answer(HTTPStatus.OK, context.common("application/json"), json.dumps(found).encode())

    def _only(self, method: str, allowed: str) -> None:
        if method != allowed:
            raise ApiError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"{allowed} is all that is answered here",
                headers=(("Allow", allowed),),
            )


def _metadata(headers: Headers) -> list[tuple[str, str]]:
    """What a call is told of its request: as over gRPC."""
    named = headers.get_all(HEADER)
    return [
        ("authorization", ", ".join(headers.get_all("Authorization"))),
        (HEADER, request_id(named[0] if len(named) == 1 else "")),
        *(("traceparent", parent) for parent in headers.get_all("traceparent")),
    ]
