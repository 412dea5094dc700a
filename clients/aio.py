"""The client for asyncio: audio as NumPy arrays while it is being made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Any, Self, Unpack

import grpc
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

from .connection import Connection
from .errors import ServiceError, lost_its_status, service_error
from .messages import (
    Chunk,
    How,
    Manner,
    audio_format,
    chunk_of,
    conditioning_of,
    pcm_of,
    synthesis_of,
)
from .resuming import Backoff, Position

__all__ = ["AsyncAudioStream", "AsyncClient", "Chunk", "ServiceError"]


class AsyncAudioStream:
    """The chunks of one call, as they arrive; to be iterated once.

    The call begins with the iteration. `aclose`, leaving it as a context manager, or cancelling the task cancels
    it; a bare `break` leaves that to the garbage collector. When the connection breaks, the call is made again,
    and goes on at the sample where it stopped. Raises ServiceError.
    """

    def __init__(
        self,
        attempt: Callable[[int, float | None], Any],
        position: Position,
        microphone: _Microphone | None = None,
    ) -> None:
        """`attempt` makes the call, from a sample on and with a timeout."""
        self._attempt = attempt
        self._position = position
        self._microphone = microphone
        self._chunks = self._receive()
        self.statistics: pb.Statistics | None = None
        """Of the whole, once the last chunk is there."""

    @property
    def reconnected(self) -> int:
        """How often the call went on over a new connection."""
        return self._position.reconnected

    async def __aiter__(self) -> AsyncIterator[NDArray[np.float32]]:
        async with aclosing(self._chunks):
            async for chunk in self._chunks:
                yield chunk.samples

    def chunks(self) -> AsyncIterator[Chunk]:
        """The chunks, with their bytes, positions and statistics."""
        return self._chunks

    async def aclose(self) -> None:
        """Cancels the call, if it goes on; not while another task waits for its next chunk."""
        await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _receive(self) -> Any:
        while True:
            call = self._attempt(self._position.next_sample, self._position.timeout)
            try:
                async for response in call:
                    chunk = self._position.received(response.chunk)
                    self.statistics = chunk.statistics
                    yield chunk
                return
            except asyncio.CancelledError:  # by the task, or by gRPC when the microphone raised
                task = asyncio.current_task()
                if self._microphone is None or self._microphone.error is None or (task and task.cancelling()):
                    raise
                raise self._microphone.error from None
            except grpc.RpcError as error:
                if self._microphone is not None and self._microphone.error is not None:
                    raise self._microphone.error from None
                wait = self._position.wait_after(error)
                if self._microphone is not None:
                    self._microphone.silence = wait if lost_its_status(error) else 0.0
            finally:
                call.cancel()  # an abandoned asynchronous call goes on
            await asyncio.sleep(wait)


class AsyncClient:
    """A connection to a service, for one event loop; its calls are those of `wavesynth.clients.client.Client`.

    >>> async with AsyncClient() as client:  # doctest: +SKIP
    ...     async for samples in client.stream(audio=recording, sample_rate=16000):
    ...         await play(samples)
    """

    def __init__(
        self,
        address: str = "localhost:50051",
        token: str | None = None,
        certificates: bytes | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        connection = Connection(address, token, certificates, credentials)
        if (secure := connection.secure) is None:
            self._channel = grpc.aio.insecure_channel(address, connection.options)
        else:
            self._channel = grpc.aio.secure_channel(address, secure, connection.options)
        self._stub: Any = SynthesisServiceStub(self._channel)
        self._metadata = connection.metadata
        self._backoff = backoff or Backoff()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection; calls under way are cancelled."""
        await self._channel.close(None)

    async def voices(self, timeout: float | None = 10.0) -> pb.ListVoicesResponse:
        """The voices there are, and which is the default."""
        try:
            return await self._stub.ListVoices(
                pb.ListVoicesRequest(), timeout=timeout, metadata=self._metadata
            )
        except grpc.RpcError as error:
            raise service_error(error) from error

    async def synthesize(self, voice: str = "", *, timeout: float | None = None, **how: Unpack[How]) -> Chunk:
        """All the audio in one piece. Raises ServiceError."""
        request = pb.SynthesizeRequest(synthesis=synthesis_of(voice, how), conditioning=conditioning_of(how))
        try:
            response = await self._stub.Synthesize(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise service_error(error) from error
        return chunk_of(response.chunk)

    def stream(
        self, voice: str = "", *, timeout: float | None = None, **how: Unpack[How]
    ) -> AsyncAudioStream:
        """The audio while it is being made."""
        request = pb.StreamSynthesizeRequest(
            synthesis=synthesis_of(voice, how), conditioning=conditioning_of(how)
        )

        def attempt(first_sample: int, left: float | None) -> Any:
            request.synthesis.first_sample = first_sample
            return self._stub.StreamSynthesize(request, timeout=left, metadata=self._metadata)

        return AsyncAudioStream(attempt, Position(request.synthesis.first_sample, timeout, self._backoff))

    def resynthesize(
        self,
        pieces: AsyncIterable[ArrayLike] | Iterable[ArrayLike],
        voice: str = "",
        *,
        resume: bool = True,
        timeout: float | None = None,
        **how: Unpack[Manner],
    ) -> AsyncAudioStream:
        """Audio while its input is still coming: `pieces` are samples [n], from a microphone, say.

        What their iterator raises, the stream raises. To `resume` after a broken connection all of them are kept,
        and sent again.
        """
        config = pb.ResynthesizeConfig(synthesis=synthesis_of(voice, how), audio=audio_format(how))
        microphone = _Microphone(pieces, keep=resume)

        def attempt(first_sample: int, left: float | None) -> Any:
            config.synthesis.first_sample = first_sample
            messages = microphone.messages(config)
            return self._stub.Resynthesize(messages, timeout=left, metadata=self._metadata)

        backoff = self._backoff if resume else Backoff(patience=0)
        position = Position(config.synthesis.first_sample, timeout, backoff)
        return AsyncAudioStream(attempt, position, microphone)


class _Microphone:
    """`resuming.Microphone` for an event loop.

    `silence` is for how many seconds an attempt holds the samples back after its configuration. Where the one before
    lost its status to a message under way, this one has none under way while the service may refuse it.
    """

    def __init__(self, pieces: AsyncIterable[ArrayLike] | Iterable[ArrayLike], keep: bool) -> None:
        self._pieces = aiter(pieces) if isinstance(pieces, AsyncIterable) else _asynchronous(pieces)
        self._keep = keep
        self._kept: list[bytes] = []
        self._next: asyncio.Task[bytes | None] | None = None  # outlives an attempt that was cancelled
        self.error: Exception | None = None
        self.silence = 0.0

    async def messages(self, config: pb.ResynthesizeConfig) -> AsyncIterator[pb.ResynthesizeRequest]:
        """The configuration, then all samples from the first."""
        yield pb.ResynthesizeRequest(config=config)
        await asyncio.sleep(self.silence)
        number = 0
        while (audio := await self._piece(number)) is not None:
            yield pb.ResynthesizeRequest(audio=audio)
            number += 1

    async def _piece(self, number: int) -> bytes | None:
        if number < len(self._kept):
            return self._kept[number]
        if self._next is None:
            self._next = asyncio.create_task(self._take())
        audio = await asyncio.shield(self._next)
        if audio is not None:
            self._next = None
        return audio

    async def _take(self) -> bytes | None:
        try:
            audio = pcm_of(await anext(self._pieces))
        except StopAsyncIteration:
            return None
        except Exception as error:
            self.error = error
            raise
        if self._keep:
            self._kept.append(audio)
        return audio


async def _asynchronous(pieces: Iterable[ArrayLike]) -> AsyncIterator[ArrayLike]:
    for piece in pieces:
        yield piece
