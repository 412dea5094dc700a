"""The page: what is answered under which path, and to whom."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from wavesynth.server.admission import Admission
from wavesynth.server.errors import RefusedError
from wavesynth.server.images import ImageService
from wavesynth.server.request_ids import HEADER, request_id
from wavesynth.server.service import SynthesisService
from wavesynth.server.validation import Requests
from wavesynth.server.web.config import WebConfig
from wavesynth.server.web.pictures import PicturesEndpoint
from wavesynth.server.web.speech.api import SpeechApi
from wavesynth.server.web.stream import StreamEndpoint
from wavesynth.server.web.visitors import Visitors

__all__ = ["Page"]

_STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
#: What browsers are told: nothing from elsewhere, nothing inline, no string that becomes code, and no frame around us.
_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Page:
    """Answers /, /static, /voices, /models and /example; the WebSockets /stream and /pictures are calls.

    Made on the service's event loop. What a file is called comes from no request: all of them are read here.
    """

    def __init__(
        self,
        service: SynthesisService,
        requests: Requests,
        images: ImageService,
        admission: Admission,
        config: WebConfig,
        visitors: Visitors,
    ) -> None:
        self._admission, self._visitors = admission, visitors
        self.limits = config.limits
        files = [(f"/static/{path.name}", path) for path in _STATIC.iterdir()]
        self._files = {
            name: (path.read_bytes(), _TYPES[path.suffix])
            for name, path in [*files, ("/", _STATIC / "index.html")]
        }
        self._endpoints = {
            "/stream": StreamEndpoint(service, admission, config.limits),
            "/pictures": PicturesEndpoint(images, admission, config.limits),
        }
        self.speech = SpeechApi(service, requests, admission, config.limits, visitors)
        """What answers all that is under /v1."""
        example = config.example
        self._lists: dict[str, Callable[[], tuple[bytes, str]]] = {
            "/voices": lambda: _json(_plain(requests.listed()) | {"example": example is not None}),
            "/models": lambda: _json(_plain(images.listed())),
        }
        if example is not None:
            recording = example.read_bytes(), mimetypes.guess_type(example)[0] or "application/octet-stream"
            self._lists["/example"] = lambda: recording

    def answer(self, _: ServerConnection, request: Request) -> Response | None:
        """The answer to a request; None for one that is to become a WebSocket."""
        path = request.path.partition("?")[0]
        if refusal := self._visitors.refusal(request.headers):
            return _response(HTTPStatus.FORBIDDEN, refusal.encode(), _TEXT)
        if request.method != "GET":
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, b"GET is all that is answered here", _TEXT)
        if path in self._endpoints:
            return None
        if path in self._files:
            return _response(HTTPStatus.OK, *self._files[path])
        if path not in self._lists:
            return _response(HTTPStatus.NOT_FOUND, b"there is nothing here", _TEXT)
        try:
            self._admission.bearer(", ".join(request.headers.get_all("Authorization")), "list")
        except RefusedError as refused:
            said = {"code": refused.code.name, "message": str(refused)}
            unknown = refused.code is grpc.StatusCode.UNAUTHENTICATED
            status = HTTPStatus.UNAUTHORIZED if unknown else HTTPStatus.FORBIDDEN
            return _response(status, *_json(said), {"WWW-Authenticate": "Bearer"} if unknown else None)
        return _response(HTTPStatus.OK, *self._lists[path]())

    def name(self, _: ServerConnection, request: Request, response: Response) -> None:
        """Every answer names its request: as whoever asks does, or anew. A call is logged by that name."""
        given = request.headers.get_all(HEADER)
        response.headers[HEADER] = request_id(given[0] if len(given) == 1 else "")

    async def serve(self, socket: ServerConnection) -> None:
        """A WebSocket, from its beginning to its end."""
        assert socket.request is not None
        await self._endpoints[socket.request.path.partition("?")[0]].serve(socket)


def _response(status: HTTPStatus, body: bytes, kind: str, others: dict[str, str] | None = None) -> Response:
    length = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    return Response(status.value, status.phrase, Headers(**_HEADERS | length | (others or {})), body)


def _plain(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message, always_print_fields_with_no_presence=True)


def _json(value: dict[str, Any]) -> tuple[bytes, str]:
    return json.dumps(value).encode(), _JSON
