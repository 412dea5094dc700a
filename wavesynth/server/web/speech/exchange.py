"""One request over HTTP/1.1 and its answer, on a connection of its own. h11 knows the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import h11

__all__ = ["BadRequestError", "Exchange"]

#: Bytes of a request's line and headers.
_HEAD = 16 << 10
_READ = 64 << 10
#: Bytes of an answer that may wait for its reader before the next ones are made.
_AHEAD = 32 << 10


class BadRequestError(Exception):
    """What came is no request, or one that is too long."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Exchange:
    """Reads a request, and writes its answer; then the connection ends. For one event loop.

    Raises BadRequestError for what is no HTTP, and ConnectionError for a caller who is gone.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
        writer.transport.set_write_buffer_limits(high=_AHEAD)
        self.peer: tuple[Any, ...] = writer.get_extra_info("peername") or ()
        self.begun = False
        """Whether an answer was begun: then there can be no other."""

    async def head(self) -> h11.Request:
        """The request's line and headers."""
        event = await self._event()
        if not isinstance(event, h11.Request):
            raise ConnectionResetError("the caller has gone")
        return event

    async def body(self, most: int) -> bytes:
        """The request's body, of at most `most` bytes."""
        if self._http.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        found = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            found += event.data
            if len(found) > most:
                message = f"the body is too long; it may have at most {most} bytes"
                raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        if not isinstance(event, h11.EndOfMessage):
            raise ConnectionResetError("the caller has gone")
        return bytes(found)

    async def begin(self, status: HTTPStatus, headers: Iterable[tuple[str, str]]) -> None:
        """Begins the answer; without a Content-Length it comes in chunks."""
        self.begun = True
        whole = [*headers, ("Connection", "close")]
        await self._send(h11.Response(status_code=status, headers=whole, reason=status.phrase.encode()))

    async def data(self, piece: bytes) -> None:
        """Writes a piece of the body; waits while the caller does not read."""
        if piece:
            await self._send(h11.Data(data=piece))

    async def end(self) -> None:
        """Ends the answer."""
        await self._send(h11.EndOfMessage())

    async def answer(self, status: HTTPStatus, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """A whole answer."""
        await self.begin(status, [*headers, ("Content-Length", str(len(body)))])
        await self.data(body)
        await self.end()

    async def gone(self) -> None:
        """Waits until the caller is gone; what comes meanwhile is for nobody."""
        while await self._reader.read(_READ):
            pass

    def cut(self) -> None:
        """Ends the connection in the middle of the answer, by which the caller knows that it is not whole."""
        self._writer.transport.abort()

    async def close(self, seconds: float) -> None:
        """Ends the connection once all is read; a caller who does not read is not waited for longer."""
        try:
            async with asyncio.timeout(seconds):
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    async def _event(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_READ))
        except h11.RemoteProtocolError as error:
            status = HTTPStatus(error.error_status_hint)
            raise BadRequestError(status, f"this is no request over HTTP/1.1: {error}") from error
        return event

    async def _send(self, event: h11.Event) -> None:
        if sent := self._http.send(event):
            self._writer.write(sent)
            await self._writer.drain()
