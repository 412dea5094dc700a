"""The client: audio as NumPy arrays while it is being made. `wavesynth.clients.aio` is the same for asyncio."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterable, Iterable, Iterator
from typing import Self, Unpack

import grpc
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.audio.score import Score
from wavesynth.v1 import admin_pb2
from wavesynth.v1 import synthesis_pb2 as pb

from .calls import Calls, ResumableCall
from .connection import Connection
from .errors import ServiceError, service_error
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
from .replay import ReplayBuffer
from .resuming import Backoff

__all__ = ["AudioStream", "Chunk", "Client", "ServiceError"]


class AudioStream:
    """The chunks of one call, as they arrive; to be iterated once.

    Breaking out of the loop, `close`, or leaving it as a context manager cancels the call. `chunks` gives all
    there is to know of each; iterating gives the samples alone. Both raise ServiceError. When the connection
    breaks, the call is made again, and goes on at the sample where it stopped.
    """

    def __init__(self, call: ResumableCall) -> None:
        self._call = call
        self._closed = threading.Event()
        self._attempt = call.attempt()

    @property
    def reconnected(self) -> int:
        """How often the call went on over a new connection."""
        return self._call.reconnected

    @property
    def statistics(self) -> pb.Statistics | None:
        """Of the whole, once the last chunk is there."""
        return self._call.statistics

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for chunk in self.chunks():
            yield chunk.samples

    def chunks(self) -> Iterator[Chunk]:
        """The chunks, with their bytes, positions and statistics."""
        threading.Thread(target=self._watch, name="wavesynth-watch", daemon=True).start()
        try:
            while True:
                responses, progress = self._attempt
                progress.waits()
                try:
                    for response in responses:
                        yield self._call.received(response, progress)
                        progress.waits()
                    return
                except grpc.RpcError as error:
                    if self._call.complete:
                        return
                    if self._closed.wait(self._call.wait_after(error, progress)):
                        raise service_error(error) from error
                    self._attempt = self._call.attempt()
        finally:
            self.close()

    def close(self) -> None:
        """Cancels the call, if it goes on."""
        self._closed.set()
        self._attempt[0].cancel()

    def _watch(self) -> None:
        """Cancels an attempt that does not get on."""
        while not self._closed.wait(self._attempt[1].often):
            responses, progress = self._attempt
            if progress.stalled():
                responses.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """A connection to a service; Connection says how it is made, Backoff how it is made again.

    What audio is made from is one of: `seconds`, for a voice that needs nothing else; `audio` [n], float within
    ±1 or integers, scaled by their type, at `sample_rate` hertz (the voice's own if not given); `mel`
    [frames, bands]; `text`, for a voice that takes text, with `markup`, `rate`, `pitch` and `pronunciations`. The
    options are `seed`, `temperature`, `correction`, `speaker` and `first_sample`
    (`messages.SynthesisOptions`). `timeout` is for the whole call, in seconds.

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
        self._channel = connection.channel(grpc)
        self._calls = Calls(connection, self._channel, backoff)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calls under way are cancelled."""
        self._channel.close()

    def voices(self, timeout: float | None = 10.0) -> pb.ListVoicesResponse:
        """The voices there are, and which is the default."""
        with self._calls.errors():
            return self._calls.voices(timeout)

    def reload(self, timeout: float | None = 60.0) -> admin_pb2.ReloadResponse:
        """Has the service read its voices, models of images, tokens and certificates again; what has changed. It needs
        a token with the scope admin."""
        with self._calls.errors():
            made: admin_pb2.ReloadResponse = self._calls.reload(timeout)
            return made

    def synthesize(
        self, voice: str = "", *, timeout: float | None = None, **options: Unpack[SynthesisInput]
    ) -> Chunk:
        """All the audio in one piece. Raises ServiceError.

        What is too long for a message, either way, comes as a `stream` does: as a live call.
        """
        synthesis, given = synthesis_of(voice, options), check_input(options)
        if not given.surely_fits and not given.fits(voice, self.voices()):
            return join_chunks(list(AudioStream(self._calls.stream(synthesis, given, timeout)).chunks()))
        with self._calls.errors():
            return chunk_of(self._calls.whole(synthesis, given, timeout).chunk)

    def score(
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
            return score_of(self._calls.score(voice, speaker, given, timeout))

    def stream(
        self, voice: str = "", *, timeout: float | None = None, **options: Unpack[SynthesisInput]
    ) -> AudioStream:
        """The audio while it is being made; of a text in pieces, while it is being written."""
        text = options.get("text")
        if text is not None and not isinstance(text, str):
            replay = ReplayBuffer(_pieces(text), keep=True)
            form = text_format(options)
            return AudioStream(self._calls.resynthesize(voice, options, replay, True, timeout, form))
        synthesis, given = synthesis_of(voice, options), check_input(options)
        if not given.single_message:
            given.fits(voice, self.voices())  # refuses what is too long for a call
        return AudioStream(self._calls.stream(synthesis, given, timeout))

    def resynthesize(
        self,
        pieces: Iterable[ArrayLike],
        voice: str = "",
        *,
        resume: bool = True,
        timeout: float | None = None,
        **options: Unpack[SynthesisOptions],
    ) -> AudioStream:
        """Audio while its input is still coming: `pieces` are samples [n], from a microphone, say.

        They are taken from their iterator on a thread of gRPC's, as fast as the service takes them; what the
        iterator raises, the stream raises. To `resume` after a broken connection all of them are kept, and sent
        again.
        """
        replay = ReplayBuffer(pieces, keep=resume)
        return AudioStream(self._calls.resynthesize(voice, options, replay, resume, timeout))


def _pieces(text: Iterable[str] | AsyncIterable[str]) -> Iterable[str]:
    if isinstance(text, Iterable):
        return text
    raise ValueError("text is an asynchronous iterator; for this client it must be one that blocks")
