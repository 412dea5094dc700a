"""The page's server: on a thread and an event loop of its own, so that no visitor holds up what speaks gRPC."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, cast

from typing_extensions import override
from websockets.asyncio.server import ServerConnection, serve
from websockets.protocol import State

from wavesynth.server.web.config import PageLimits
from wavesynth.server.web.page import Page

__all__ = ["serve_page"]

#: Seconds that WebSockets have to be closed well when the server ends.
_LAST_WORDS = 1.0
#: Bytes that the system keeps for a visitor who does not read: some seconds of sound, and not minutes of it.
_KERNEL_BUFFER = 128 << 10
#: Messages that wait to be looked at, and those at which more are read again.
_QUEUE = (1, 0)

# What strangers do wrong is no line in the log: calls have theirs.
_quiet = logging.getLogger(f"{__name__}.websockets")
_quiet.setLevel(logging.CRITICAL)


@asynccontextmanager
async def serve_page(page: Page, listener: socket.socket, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
    """Serves the page on a socket that listens, until the block ends."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    served = asyncio.create_task(asyncio.to_thread(asyncio.run, _run(page, listener, tls, started)))
    either: list[asyncio.Future[Any]] = [served, asyncio.wrap_future(started)]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if served.done():
        served.result()
    loop, stop = started.result()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        await served


async def _run(
    page: Page,
    listener: socket.socket,
    tls: ssl.SSLContext | None,
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]],
) -> None:
    limits, stop = page.limits, asyncio.Event()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)  # connections have it from here
    visits: dict[_Visit, None] = {}
    server = await serve(
        page.serve,
        sock=listener,
        ssl=tls,
        process_request=page.answer,
        process_response=page.name,
        server_header=None,
        compression=None,  # sound does not shrink, and compressing takes its time
        open_timeout=limits.request,
        close_timeout=limits.close,
        max_size=limits.message,
        max_queue=_QUEUE,
        logger=_quiet,
        create_connection=cast(Any, partial(_Visit, limits=limits, visits=visits)),
    )
    started.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()
    server.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS):
            await server.wait_closed()
    for visit in list(visits):  # those who do not read what is sent to them
        visit.transport.abort()
    await server.wait_closed()


class _Visit(ServerConnection):
    """A connection, one of `visits` in the order in which they came; it is cut where it takes more than `limits`."""

    def __init__(
        self, *arguments: Any, limits: PageLimits, visits: dict[_Visit, None], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._limits, self._visits = limits, visits
        self._answers = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._visits[self] = None
        if len(self._visits) > self._limits.connections:
            unfinished = (visit for visit in self._visits if visit.state is State.CONNECTING)
            oldest = next(unfinished, self)
            del self._visits[oldest]
            oldest.transport.abort()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._visits.pop(self, None)
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        before = self.transport.get_write_buffer_size()
        super().data_received(data)
        # Pings are answered at once, without waiting for who sends them to read the answers.
        waiting = self.transport.get_write_buffer_size()
        self._answers = self._answers + max(0, waiting - before) if waiting else 0
        if self._answers > self._limits.unread_answers:
            self.transport.abort()
