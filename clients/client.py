"""The client: audio as NumPy arrays while it is being made. `wavesynth.clients.aio` is the same for asyncio."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, Unpack

import grpc
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

from .calls import attempts
from .connection import Connection
from .errors import ServiceError, service_error
from .messages import (
    Chunk,
    Given,
    SynthesisInput,
    SynthesisOptions,
    audio_format,
    chunk_of,
    given_of,
    joined,
    synthesis_of,
)
from .progress import Progress
from .resuming import Backoff, Microphone, Position

__all__ = ["AudioStream", "Chunk", "Client", "ServiceError"]


class AudioStream:
    """The chunks of one call, as they arrive; to be iterated once.

    Breaking out of the loop, `close`, or leaving it as a context manager cancels the call. `chunks` gives all
    there is to know of each; iterating gives the samples alone. Both raise ServiceError. When the connection
    breaks, the call is made again, and goes on at the sample where it stopped.
    """

    def __init__(
        self,
        attempt: Callable[[int, float | None], tuple[Any, Progress]],
        position: Position,
        microphone: Microphone | None = None,
    ) -> None:
        """`attempt` makes the call, from a sample on and with a timeout, and what says whether it gets on."""
        self._attempt = attempt
        self._position = position
        self._microphone = microphone
        self._closed = threading.Event()
        self._attempted = attempt(position.next_sample, position.timeout)
        self.statistics: pb.Statistics | None = None
        """Of the whole, once the last chunk is there."""

    @property
    def reconnected(self) -> int:
        """How often the call went on over a new connection."""
        return self._position.reconnected

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for chunk in self.chunks():
            yield chunk.samples

    def chunks(self) -> Iterator[Chunk]:
        """The chunks, with their bytes, positions and statistics."""
        threading.Thread(target=self._watch, name="wavesynth-watch", daemon=True).start()
        try:
            while True:
                call, progress = self._attempted
                progress.waits()
                try:
                    for response in call:
                        chunk = self._position.received(response.chunk)
                        progress.received(chunk)
                        self.statistics = chunk.statistics
                        yield chunk
                        progress.waits()
                    return
                except grpc.RpcError as error:
                    self._recover(progress.error or error)
        finally:
            self.close()

    def close(self) -> None:
        """Cancels the call, if it goes on."""
        self._closed.set()
        self._attempted[0].cancel()

    def _watch(self) -> None:
        """Cancels an attempt that does not get on."""
        while not self._closed.wait(self._attempted[1].often):
            call, progress = self._attempted
            if progress.stalled():
                call.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _recover(self, error: grpc.RpcError) -> None:
        """Makes the call again, if it may be."""
        if self._microphone is not None and self._microphone.error is not None:
            raise self._microphone.error from None
        if self._closed.wait(self._position.wait_after(error)):
            raise service_error(error) from error
        self._attempted = self._attempt(self._position.next_sample, self._position.timeout)


class Client:
    """A connection to a service; Connection says how it is made, Backoff how it is made again.

    What audio is made from is one of: `seconds`, for a voice that needs nothing else; `audio` [n], float within
    ±1 or integers, scaled by their type, at `sample_rate` hertz (the voice's own if not given); `mel`
    [frames, bands]. The manner is `seed`, `temperature`, `speaker` and `first_sample`. `timeout` is for the whole
    call, in seconds.

    >>> with Client() as client:
    ...     for samples in client.stream(audio=recording, sample_rate=16000):
    ...         play(samples)
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
            self._channel = grpc.insecure_channel(address, connection.options)
        else:
            self._channel = grpc.secure_channel(address, secure, connection.options)
        self._stub = SynthesisServiceStub(self._channel)
        self._connection, self._metadata = connection, connection.metadata
        self._backoff = backoff or Backoff()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calls under way are cancelled."""
        self._channel.close()

    def voices(self, timeout: float | None = 10.0) -> pb.ListVoicesResponse:
        """The voices there are, and which is the default."""
        try:
            return self._stub.ListVoices(pb.ListVoicesRequest(), timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._connection.error(error) from error

    def synthesize(
        self, voice: str = "", *, timeout: float | None = None, **how: Unpack[SynthesisInput]
    ) -> Chunk:
        """All the audio in one piece. Raises ServiceError.

        What is too long for a message, either way, comes as a `stream` does: as a live call.
        """
        synthesis, given = synthesis_of(voice, how), given_of(how)
        if not given.surely_fits and not given.fits(voice, self.voices()):
            return joined(list(self._stream(synthesis, given, timeout).chunks()))
        request = pb.SynthesizeRequest(synthesis=synthesis, conditioning=given.conditioning())
        try:
            response = self._stub.Synthesize(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._connection.error(error) from error
        return chunk_of(response.chunk)

    def stream(
        self, voice: str = "", *, timeout: float | None = None, **how: Unpack[SynthesisInput]
    ) -> AudioStream:
        """The audio while it is being made."""
        synthesis, given = synthesis_of(voice, how), given_of(how)
        if not given.whole:
            given.fits(voice, self.voices())  # refuses what is too long for a call
        return self._stream(synthesis, given, timeout)

    def _stream(self, synthesis: pb.Synthesis, given: Given, timeout: float | None) -> AudioStream:
        attempt = attempts(self._stub, self._metadata, synthesis, given)
        return AudioStream(attempt, self._position(synthesis, timeout))

    def resynthesize(
        self,
        pieces: Iterable[ArrayLike],
        voice: str = "",
        *,
        resume: bool = True,
        timeout: float | None = None,
        **how: Unpack[SynthesisOptions],
    ) -> AudioStream:
        """Audio while its input is still coming: `pieces` are samples [n], from a microphone, say.

        They are taken from their iterator on a thread of gRPC's, as fast as the service takes them; what the
        iterator raises, the stream raises. To `resume` after a broken connection all of them are kept, and sent
        again.
        """
        config = pb.ResynthesizeConfig(synthesis=synthesis_of(voice, how), audio=audio_format(how))
        microphone = Microphone(iter(pieces), keep=resume)

        def attempt(first_sample: int, left: float | None) -> tuple[Any, Progress]:
            config.synthesis.first_sample = first_sample
            progress = Progress(config.audio.sample_rate, first_sample, None)
            messages = progress.watched(microphone.messages(config))
            return self._stub.Resynthesize(messages, timeout=left, metadata=self._metadata), progress

        backoff = self._backoff if resume else Backoff(patience=0)
        return AudioStream(attempt, self._position(config.synthesis, timeout, backoff), microphone)

    def _position(
        self, synthesis: pb.Synthesis, timeout: float | None, backoff: Backoff | None = None
    ) -> Position:
        return Position(synthesis.first_sample, timeout, backoff or self._backoff, self._connection.error)
