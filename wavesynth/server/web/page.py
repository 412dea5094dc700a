"""The page's routes, and the server that serves them beside gRPC on the same event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wavesynth.server.images import ImageService
from wavesynth.server.service import SynthesisService
from wavesynth.server.validation import Requests
from wavesynth.server.web.config import WebConfig
from wavesynth.server.web.pictures import PicturesEndpoint
from wavesynth.server.web.stream import StreamEndpoint
from wavesynth.v1 import MAX_MESSAGE

__all__ = ["page", "serve_page"]

_STATIC = Path(__file__).parent / "static"


def page(
    service: SynthesisService,
    requests: Requests,
    images: ImageService,
    config: WebConfig,
    wants_token: bool,
) -> Starlette:
    """The application: /, /voices, /models, /example, and the WebSockets /stream and /pictures."""

    async def index(_: Request) -> Response:
        return FileResponse(_STATIC / "index.html")

    async def voices(_: Request) -> Response:
        listed = json_format.MessageToDict(requests.listed(), always_print_fields_with_no_presence=True)
        return JSONResponse(listed | {"example": config.example is not None, "wantsToken": wants_token})

    async def models(_: Request) -> Response:
        return JSONResponse(
            json_format.MessageToDict(images.listed(), always_print_fields_with_no_presence=True)
        )

    async def example(_: Request) -> Response:
        return FileResponse(config.example) if config.example else Response(status_code=404)

    routes = [
        Route("/", index),
        Route("/voices", voices),
        Route("/models", models),
        Route("/example", example),
        WebSocketRoute("/stream", StreamEndpoint(service, config.origins).serve),
        WebSocketRoute("/pictures", PicturesEndpoint(images, config.origins).serve),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Headers)])


@asynccontextmanager
async def serve_page(
    app: Starlette, listener: socket.socket, tls: tuple[Path, Path] | None
) -> AsyncIterator[None]:
    """Serves the page on a socket that listens, until the block ends."""
    options: dict[str, Any] = {} if tls is None else {"ssl_certfile": tls[0], "ssl_keyfile": tls[1]}
    server = _Uvicorn(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws_max_size=MAX_MESSAGE,
            ws_per_message_deflate=False,  # sound does not shrink, and compressing takes its time
            timeout_graceful_shutdown=1,
            **options,
        )
    )
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to the server that this one stands beside."""
        yield


class _Headers:
    """What browsers are told: nothing from elsewhere, and no frame around us."""

    _VALUES = (
        (
            b"content-security-policy",
            b"default-src 'self'; img-src 'self' data:; media-src 'self' blob:; frame-ancestors 'none'",
        ),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-cache"),
    )

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._VALUES]
            await send(message)

        await self._app(scope, receive, with_headers)
