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

from wavesynth.server.web.page import Page

__all__ = ["serve_page"]

#: Seconds that WebSockets have to be closed well when the server ends.
_LAST_WORDS = 1.0
#: Bytes that the system keeps for a visitor who does not read: some seconds of sound, and not minutes of it.
_KERNEL_BUFFER = 128 << 10
#: Messages that wait to be looked at, and those at which more are read again.
_QUEUE = (1, 0)

#: Below it is the API for speech.
_API = b"/v1/"
#: Bytes that no method of HTTP has.
_METHOD = 16

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
        create_connection=cast(Any, partial(_Visit, page=page, visits=visits)),
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
    """A connection, one of `visits` in the order in which they came; it is cut where it takes more than the limits.

    Its first bytes say whether it is for the API for speech, which another protocol then goes on with.
    """

    def __init__(self, *arguments: Any, page: Page, visits: dict[_Visit, None], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._speech, self._limits, self._visits = page.speech, page.limits, visits
        self._head: bytes | None = b""  # until it is known what the connection is for
        self._asked = False
        self._answers = 0

    @property
    def unfinished(self) -> bool:
        """Whether its request is not whole yet."""
        return self.state is State.CONNECTING and not self._asked

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._timer = self.loop.call_later(self._limits.request, self.transport.abort)
        self._visits[self] = None
        if len(self._visits) > self._limits.connections:
            oldest = next((visit for visit in self._visits if visit.unfinished), self)
            del self._visits[oldest]
            oldest.transport.abort()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._visits.pop(self, None)
        self._timer.cancel()
        if self._head is None:
            super().connection_lost(exc)

    @override
    def eof_received(self) -> None:
        if self._head is None:
            super().eof_received()

    @override
    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            data = self._head + data
            if (speaks := _is_for_speech(data)) is None:
                self._head = data
                return
            self._head = None
            self._timer.cancel()
            if speaks:
                self._hand_over(data)
                return
            super().connection_made(self.transport)
        before = self.transport.get_write_buffer_size()
        super().data_received(data)
        # Pings are answered at once, without waiting for who sends them to read the answers.
        waiting = self.transport.get_write_buffer_size()
        self._answers = self._answers + max(0, waiting - before) if waiting else 0
        if self._answers > self._limits.unread_answers:
            self.transport.abort()

    def _hand_over(self, data: bytes) -> None:
        """Has the API for speech go on with the connection."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.CancelledError):  # as the server ends; asyncio would log it
                try:
                    await self._speech.serve(reader, writer, self._is_asked)
                finally:
                    self._visits.pop(self, None)

        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), serve)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        protocol.data_received(data)

    def _is_asked(self) -> None:
        self._asked = True


def _is_for_speech(head: bytes) -> bool | None:
    """Whether a connection that begins so asks for a path under /v1; None if that is not to be seen yet."""
    method, space, path = head.partition(b" ")
    if not space:
        return None if len(method) < _METHOD else False
    return path.startswith(_API) if len(path) >= len(_API) or not _API.startswith(path) else None
