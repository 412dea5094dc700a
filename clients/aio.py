"""The client for asyncio: audio as NumPy arrays while it is being made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Self, Unpack

import grpc.aio
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.audio.score import Score
from wavesynth.v1 import admin_pb2
from wavesynth.v1 import synthesis_pb2 as pb

from .calls import Calls, ResumableCall
from .connection import Connection
from .errors import ServiceError
from .inputs import check_input
from .messages import (
    Chunk,
    SynthesisInput,
    SynthesisOptions,
    chunk_of,
    join_chunks,
    score_of,
    synthesis_of,
    text_format,
)
from .progress import Progress
from .replay import AsyncReplayBuffer
from .resuming import Backoff

__all__ = ["AsyncAudioStream", "AsyncClient", "Chunk", "ServiceError"]


class AsyncAudioStream:
    """The chunks of one call, as they arrive; to be iterated once.

    The call begins with the iteration. `aclose`, leaving it as a context manager, or cancelling the task cancels
    it; a bare `break` leaves that to the garbage collector. When the connection breaks, the call is made again,
    and goes on at the sample where it stopped. Raises ServiceError.
    """

    def __init__(self, call: ResumableCall, check: Callable[[], Awaitable[None]] | None = None) -> None:
        """`check` is awaited before the first attempt, and raises what keeps the call from being made."""
        self._call, self._check = call, check
        self._chunks = self._receive()

    @property
    def reconnected(self) -> int:
        """How often the call went on over a new connection."""
        return self._call.reconnected

    @property
    def statistics(self) -> pb.Statistics | None:
        """Of the whole, once the last chunk is there."""
        return self._call.statistics

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
        if self._check is not None:
            await self._check()
        while True:
            responses, progress = self._call.attempt()
            progress.waits()
            try:
                with _watching(responses, progress):
                    async for response in responses:
                        yield self._call.received(response, progress)
                        progress.waits()
                return
            except (asyncio.CancelledError, grpc.RpcError) as error:
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                    raise
                if self._call.complete:
                    return
                wait = self._call.wait_after(error, progress)
            finally:
                responses.cancel()  # an abandoned asynchronous call goes on
            await asyncio.sleep(wait)


@contextmanager
def _watching(responses: Any, progress: Progress) -> Iterator[None]:
    """Cancels an attempt that does not get on."""

    async def look() -> None:
        while not progress.stalled():
            await asyncio.sleep(progress.often)
        responses.cancel()

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
        self._channel = connection.channel(grpc.aio)
        self._calls = Calls(connection, self._channel, backoff)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection; calls under way are cancelled."""
        await self._channel.close(None)

    async def voices(self, timeout: float | None = 10.0) -> pb.ListVoicesResponse:
        """The voices there are, and which is the default."""
        with self._calls.errors():
            return await self._calls.voices(timeout)

    async def reload(self, timeout: float | None = 60.0) -> admin_pb2.ReloadResponse:
        """Has the service read its voices, models of images, tokens and certificates again; what has changed. It needs
        a token with the scope admin."""
        with self._calls.errors():
            made: admin_pb2.ReloadResponse = await self._calls.reload(timeout)
            return made

    async def synthesize(
        self, voice: str = "", *, timeout: float | None = None, **options: Unpack[SynthesisInput]
    ) -> Chunk:
        """All the audio in one piece. Raises ServiceError.

        What is too long for a message, either way, comes as a `stream` does: as a live call.
        """
        synthesis, given = synthesis_of(voice, options), check_input(options)
        if not given.surely_fits and not given.fits(voice, await self.voices()):
            stream = AsyncAudioStream(self._calls.stream(synthesis, given, timeout))
            return join_chunks([chunk async for chunk in stream.chunks()])
        with self._calls.errors():
            response = await self._calls.whole(synthesis, given, timeout)
        return chunk_of(response.chunk)

    async def score(
        self,
        audio: ArrayLike,
        voice: str = "",
        *,
        sample_rate: int = 0,
        speaker: str = "",
        timeout: float | None = None,
    ) -> Score:
        """How well a voice predicts a recording, in bits: `audio` [n] as the client's text says. Raises ServiceError.

        The service answers when all of it is there and scored, which waits behind live calls.
        """
        given = check_input({"audio": audio, "sample_rate": sample_rate})
        with self._calls.errors():
            return score_of(await self._calls.score(voice, speaker, given, timeout))

    def stream(
        self, voice: str = "", *, timeout: float | None = None, **options: Unpack[SynthesisInput]
    ) -> AsyncAudioStream:
        """The audio while it is being made; of a text in pieces, while it is being written."""
        text = options.get("text")
        if text is not None and not isinstance(text, str):
            replay = AsyncReplayBuffer(text, keep=True)
            form = text_format(options)
            return AsyncAudioStream(self._calls.resynthesize(voice, options, replay, True, timeout, form))
        synthesis, given = synthesis_of(voice, options), check_input(options)

        async def refuse_what_is_too_long() -> None:
            given.fits(voice, await self.voices())

        call = self._calls.stream(synthesis, given, timeout)
        return AsyncAudioStream(call, None if given.single_message else refuse_what_is_too_long)

    def resynthesize(
        self,
        pieces: AsyncIterable[ArrayLike] | Iterable[ArrayLike],
        voice: str = "",
        *,
        resume: bool = True,
        timeout: float | None = None,
        **options: Unpack[SynthesisOptions],
    ) -> AsyncAudioStream:
        """Audio while its input is still coming: `pieces` are samples [n], from a microphone, say.

        What their iterator raises, the stream raises. To `resume` after a broken connection all of them are kept,
        and sent again.
        """
        replay = AsyncReplayBuffer(pieces, keep=resume)
        return AsyncAudioStream(self._calls.resynthesize(voice, options, replay, resume, timeout))
