"""What a method of the service writes to where the caller has asked over HTTP."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NoReturn

import grpc
import numpy as np

from wavesynth.audio.encodings import Encode
from wavesynth.audio.live_files import LIVE_FILES, live_file
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.server.request_ids import HEADER
from wavesynth.server.web.calls import CallContext
from wavesynth.server.web.endpoint import AbortedError
from wavesynth.server.web.speech.errors import ApiError, of_status
from wavesynth.server.web.speech.exchange import Exchange
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["SpeechContext"]


class SpeechContext(CallContext):
    """Sends the audio of a call as a file, while it is made; what is wrong before the first of it, as an error."""

    def __init__(
        self, exchange: Exchange, metadata: Sequence[tuple[str, str]], form: str = "pcm", events: bool = False
    ) -> None:
        super().__init__(exchange.peer, metadata)
        self._exchange, self._form, self._events = exchange, form, events
        self._encode: Encode | None = None
        self.error: ApiError | None = None
        """What is wrong with the request, if it is that: it names the field, as a status does not."""

    async def write(self, response: pb.StreamSynthesizeResponse) -> None:
        """Sends a chunk. Raises RefusedError when the caller is gone, or has asked for a format that is not there."""
        chunk = response.chunk
        if self._encode is None:
            try:
                self._encode = live_file(self._form, chunk.sample_rate)
            except OSError as error:  # it says what is missing
                raise invalid(f"response_format is {self._form}: {error}") from error
        last = chunk.HasField("statistics")
        data = self._encode(np.frombuffer(chunk.audio, "<i2").astype(np.int16), last)
        await self.on_page(self._send(data, last))

    async def abort(
        self, code: grpc.StatusCode, details: str = "", metadata: Sequence[tuple[str, str]] = ()
    ) -> NoReturn:
        """Says why there is no audio; once there was some, the answer ends in its middle."""
        with suppress(RefusedError):  # nobody is there to be told
            invalid_request = self.error if code is grpc.StatusCode.INVALID_ARGUMENT else None
            await self.on_page(self._refuse(invalid_request or of_status(code, details, dict(metadata))))
        raise AbortedError

    async def refuse(self, error: ApiError) -> None:
        """Answers with an error; on the page's event loop."""
        with suppress(RefusedError):
            await self._refuse(error)

    async def _refuse(self, error: ApiError) -> None:
        if self._exchange.begun:
            self._exchange.cut()
            return
        headers = {**dict(self.common("application/json")), **dict(error.headers)}
        with suppress(OSError):
            await self._exchange.answer(error.status, headers.items(), error.body)

    async def _send(self, data: bytes, last: bool) -> None:
        exchange = self._exchange
        try:
            if not exchange.begun:
                kind = "text/event-stream" if self._events else LIVE_FILES[self._form]
                await exchange.begin(HTTPStatus.OK, self.common(kind))
            if data:
                await exchange.data(_delta(data) if self._events else data)
            if last:
                await exchange.data(_DONE if self._events else b"")
                await exchange.end()
        except OSError as error:
            raise RefusedError(grpc.StatusCode.CANCELLED, "the caller is gone") from error

    def common(self, kind: str) -> list[tuple[str, str]]:
        """Headers of every answer."""
        return [
            ("Content-Type", kind),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            (HEADER, dict(self.invocation_metadata())[HEADER]),
        ]


def _delta(data: bytes) -> bytes:
    return _event({"type": "speech.audio.delta", "audio": b64encode(data).decode()})


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


#: The last event. Nothing here is made of tokens.
_DONE = _event(
    {"type": "speech.audio.done", "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}}
)
