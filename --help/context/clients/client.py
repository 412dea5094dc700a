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

from .connection import Connection
from .errors import ServiceError, service_error
from .messages import (
    Chunk,
    How,
    Manner,
    audio_format,
    chunk_of,
    conditioning_of,
    synthesis_of,
)
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
        attempt: Callable[[int, float | None], Any],
        position: Position,
        microphone: Microphone | None = None,
    ) -> None:
        """`attempt` makes the call, from a sample on and with a timeout."""
        self._attempt = attempt
        self._position = position
        self._microphone = microphone
        self._closed = threading.Event()
        self._call = attempt(position.next_sample, position.timeout)
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
        try:
            while True:
                try:
                    for response in self._call:
                        chunk = self._position.received(response.chunk)
                        self.statistics = chunk.statistics
                        yield chunk
                    return
                except grpc.RpcError as error:
                    self._recover(error)
        finally:
            self.close()

    def close(self) -> None:
        """Cancels the call, if it goes on."""
        self._closed.set()
        self._call.cancel()

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
        self._call = self._attempt(self._position.next_sample, self._position.timeout)


class Client:
    """A connection to a service; Connection says how it is made, Backoff how it is made again.

    What audio is made from is one of: `seconds`, for a voice that needs nothing else; `audio` [n], float within
    ±1 or int16, at `sample_rate` hertz (the voice's own if not given); `mel` [frames, bands]. The manner is
    `seed`, `temperature`, `speaker` and `first_sample`. `timeout` is for the whole call, in seconds.

    >>> with Client() as client:  # doctest: +SKIP
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
        self._metadata = connection.metadata
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
            raise service_error(error) from error

    def synthesize(self, voice: str = "", *, timeout: float | None = None, **how: Unpack[How]) -> Chunk:
        """All the audio in one piece. Raises ServiceError."""
        request = pb.SynthesizeRequest(synthesis=synthesis_of(voice, how), conditioning=conditioning_of(how))
        try:
            response = self._stub.Synthesize(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise service_error(error) from error
        return chunk_of(response.chunk)

    def stream(self, voice: str = "", *, timeout: float | None = None, **how: Unpack[How]) -> AudioStream:
        """The audio while it is being made."""
        request = pb.StreamSynthesizeRequest(
            synthesis=synthesis_of(voice, how), conditioning=conditioning_of(how)
        )

        def attempt(first_sample: int, left: float | None) -> Any:
            request.synthesis.first_sample = first_sample
            return self._stub.StreamSynthesize(request, timeout=left, metadata=self._metadata)

        return AudioStream(attempt, Position(request.synthesis.first_sample, timeout, self._backoff))

    def resynthesize(
        self,
        pieces: Iterable[ArrayLike],
        voice: str = "",
        *,
        resume: bool = True,
        timeout: float | None = None,
        **how: Unpack[Manner],
    ) -> AudioStream:
        """Audio while its input is still coming: `pieces` are samples [n], from a microphone, say.

        They are taken from their iterator on a thread of gRPC's, as fast as the service takes them; what the
        iterator raises, the stream raises. To `resume` after a broken connection all of them are kept, and sent
        again.
        """
        config = pb.ResynthesizeConfig(synthesis=synthesis_of(voice, how), audio=audio_format(how))
        microphone = Microphone(iter(pieces), keep=resume)

        def attempt(first_sample: int, left: float | None) -> Any:
            config.synthesis.first_sample = first_sample
            messages = microphone.messages(config)
            return self._stub.Resynthesize(messages, timeout=left, metadata=self._metadata)

        backoff = self._backoff if resume else Backoff(patience=0)
        return AudioStream(attempt, Position(config.synthesis.first_sample, timeout, backoff), microphone)
