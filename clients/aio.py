"""The client for asyncio: audio as NumPy arrays while it is being made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Self, Unpack

import grpc
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

from .calls import attempts
from .connection import Connection
from .errors import ServiceError, lost_its_status
from .messages import (
    Chunk,
    Given,
    SynthesisInput,
    SynthesisOptions,
    audio_format,
    chunk_of,
    given_of,
    joined,
    pcm_of,
    synthesis_of,
)
from .progress import Progress
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
        attempt: Callable[[int, float | None], tuple[Any, Progress]],
        position: Position,
        microphone: _Microphone | None = None,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`attempt` makes the call, from a sample on and with a timeout, and what says whether it gets on. `before` the
        first one something may be found out.
        """
        self._attempt = attempt
        self._before = before
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
        if self._before is not None:
            await self._before()
        while True:
            call, progress = self._attempt(self._position.next_sample, self._position.timeout)
            progress.waits()
            try:
                with _watching(call, progress):
                    async for response in call:
                        chunk = self._position.received(response.chunk)
                        progress.received(chunk)
                        self.statistics = chunk.statistics
                        yield chunk
                        progress.waits()
                return
            except (asyncio.CancelledError, grpc.RpcError) as error:
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                    raise
                if self._microphone is not None and self._microphone.error is not None:
                    raise self._microphone.error from None
                problem = progress.error or error
                if isinstance(problem, asyncio.CancelledError):
                    raise
                wait = self._position.wait_after(problem)
                if self._microphone is not None:
                    self._microphone.silence = wait if lost_its_status(problem) else 0.0
            finally:
                call.cancel()  # an abandoned asynchronous call goes on
            await asyncio.sleep(wait)


@contextmanager
def _watching(call: Any, progress: Progress) -> Iterator[None]:
    """Cancels a call that does not get on."""

    async def look() -> None:
        while not progress.stalled():
            await asyncio.sleep(progress.often)
        call.cancel()

    watcher = asyncio.create_task(look())
    try:
        yield
    finally:
        watcher.cancel()


class AsyncClient:
    """A connection to a service, for one event loop; its calls are those of `wavesynth.clients.client.Client`.

    >>> async def main():
    ...     async with AsyncClient() as client:
    ...         async for samples in client.stream(audio=recording, sample_rate=16000):
    ...             play(samples)
    >>> asyncio.run(main())
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
        self._connection, self._metadata = connection, connection.metadata
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
            raise self._connection.error(error) from error

    async def synthesize(
        self, voice: str = "", *, timeout: float | None = None, **how: Unpack[SynthesisInput]
    ) -> Chunk:
        """All the audio in one piece. Raises ServiceError.

        What is too long for a message, either way, comes as a `stream` does: as a live call.
        """
        synthesis, given = synthesis_of(voice, how), given_of(how)
        if not given.surely_fits and not given.fits(voice, await self.voices()):
            return joined([chunk async for chunk in self._stream(synthesis, given, timeout).chunks()])
        request = pb.SynthesizeRequest(synthesis=synthesis, conditioning=given.conditioning())
        try:
            response = await self._stub.Synthesize(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._connection.error(error) from error
        return chunk_of(response.chunk)

    def stream(
        self, voice: str = "", *, timeout: float | None = None, **how: Unpack[SynthesisInput]
    ) -> AsyncAudioStream:
        """The audio while it is being made."""
        synthesis, given = synthesis_of(voice, how), given_of(how)

        async def refuse_what_is_too_long() -> None:
            given.fits(voice, await self.voices())

        return self._stream(synthesis, given, timeout, None if given.whole else refuse_what_is_too_long)

    def _stream(
        self,
        synthesis: pb.Synthesis,
        given: Given,
        timeout: float | None,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> AsyncAudioStream:
        attempt = attempts(self._stub, self._metadata, synthesis, given)
        return AsyncAudioStream(attempt, self._position(synthesis, timeout), before=before)

    def resynthesize(
        self,
        pieces: AsyncIterable[ArrayLike] | Iterable[ArrayLike],
        voice: str = "",
        *,
        resume: bool = True,
        timeout: float | None = None,
        **how: Unpack[SynthesisOptions],
    ) -> AsyncAudioStream:
        """Audio while its input is still coming: `pieces` are samples [n], from a microphone, say.

        What their iterator raises, the stream raises. To `resume` after a broken connection all of them are kept,
        and sent again.
        """
        config = pb.ResynthesizeConfig(synthesis=synthesis_of(voice, how), audio=audio_format(how))
        microphone = _Microphone(pieces, keep=resume)

        def attempt(first_sample: int, left: float | None) -> tuple[Any, Progress]:
            config.synthesis.first_sample = first_sample
            progress = Progress(config.audio.sample_rate, first_sample, None)
            messages = microphone.messages(config, progress)
            return self._stub.Resynthesize(messages, timeout=left, metadata=self._metadata), progress

        backoff = self._backoff if resume else Backoff(patience=0)
        return AsyncAudioStream(attempt, self._position(config.synthesis, timeout, backoff), microphone)

    def _position(
        self, synthesis: pb.Synthesis, timeout: float | None, backoff: Backoff | None = None
    ) -> Position:
        return Position(synthesis.first_sample, timeout, backoff or self._backoff, self._connection.error)


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

    async def messages(
        self, config: pb.ResynthesizeConfig, progress: Progress
    ) -> AsyncIterator[pb.ResynthesizeRequest]:
        """The configuration, then all samples from the first, each noted as it is sent."""
        yield pb.ResynthesizeRequest(config=config)
        await asyncio.sleep(self.silence)
        number = 0
        while (audio := await self._piece(number)) is not None:
            message = pb.ResynthesizeRequest(audio=audio)
            progress.sends(message)
            yield message
            number += 1
        progress.ended()

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
