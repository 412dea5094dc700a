"""The client: audio as NumPy arrays while it is being made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import grpc
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

__all__ = ["AudioStream", "Chunk", "Client", "ServiceError"]

_MAX_MESSAGE = 16 << 20


class ServiceError(Exception):
    """The service refused a call or could not finish it; the message is the service's own sentence."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(error.details() or error.code().name)
        self.code: str = error.code().name
        """The gRPC status code, such as NOT_FOUND."""
        hint = next((m.value for m in error.trailing_metadata() or () if m.key == "retry-after-ms"), None)
        self.retry_after = None if hint is None else int(hint) / 1000
        """Seconds after which to try again, when the service was full."""


@dataclass(frozen=True)
class Chunk:
    """A piece of audio."""

    samples: NDArray[np.float32]
    """[n] within ±1."""
    pcm: bytes
    """The same as 16-bit little-endian PCM."""
    first_sample: int
    """Index of its first sample in the whole."""
    sample_rate: int
    """Hertz."""
    statistics: pb.Statistics | None
    """Of the whole, on the last chunk."""


class AudioStream:
    """The chunks of one call, as they arrive; to be iterated once.

    Breaking out of the loop, `close`, or leaving it as a context manager cancels the call. `chunks` gives all
    there is to know of each; iterating gives the samples alone. Both raise ServiceError.
    """

    def __init__(self, call: Any, input_errors: Sequence[Exception] = ()) -> None:
        self._call = call
        self._input_errors = input_errors  # what the caller's own iterator raised
        self.statistics: pb.Statistics | None = None
        """Of the whole, once the last chunk is there."""

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for chunk in self.chunks():
            yield chunk.samples

    def chunks(self) -> Iterator[Chunk]:
        """The chunks, with their bytes, positions and statistics."""
        try:
            for response in self._call:
                chunk = _chunk(response.chunk)
                self.statistics = chunk.statistics
                yield chunk
        except grpc.RpcError as error:
            if self._input_errors:
                raise self._input_errors[0] from None
            raise ServiceError(error) from error
        finally:
            self.close()

    def close(self) -> None:
        """Cancels the call, if it goes on."""
        self._call.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """A connection to a service.

    What audio is made from is one of: `seconds`, for a voice that needs nothing else; `audio` [n], float within
    ±1 or int16, at `sample_rate` hertz (the voice's own if not given); `mel` [frames, bands].

    >>> with Client() as client:  # doctest: +SKIP
    ...     for samples in client.stream(audio=recording, sample_rate=16000):
    ...         play(samples)
    """

    def __init__(
        self, address: str = "localhost:50051", token: str | None = None, certificates: bytes | None = None
    ) -> None:
        """`certificates` are the root certificates (PEM) by which to know a server that uses TLS."""
        options = [("grpc.max_receive_message_length", _MAX_MESSAGE)]
        if certificates is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            credentials = grpc.ssl_channel_credentials(certificates)
            self._channel = grpc.secure_channel(address, credentials, options)
        self._stub = SynthesisServiceStub(self._channel)
        self._metadata = None if token is None else (("authorization", f"Bearer {token}"),)

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
            raise ServiceError(error) from error

    def synthesize(
        self,
        voice: str = "",
        *,
        seconds: float | None = None,
        audio: ArrayLike | None = None,
        sample_rate: int = 0,
        mel: ArrayLike | None = None,
        seed: int = 0,
        temperature: float = 1.0,
        speaker: str = "",
        first_sample: int = 0,
        timeout: float | None = None,
    ) -> Chunk:
        """All the audio in one piece. Raises ServiceError."""
        request = pb.SynthesizeRequest(
            synthesis=_synthesis(voice, seed, temperature, speaker, first_sample),
            conditioning=_conditioning(seconds, audio, sample_rate, mel),
        )
        try:
            response = self._stub.Synthesize(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise ServiceError(error) from error
        return _chunk(response.chunk)

    def stream(
        self,
        voice: str = "",
        *,
        seconds: float | None = None,
        audio: ArrayLike | None = None,
        sample_rate: int = 0,
        mel: ArrayLike | None = None,
        seed: int = 0,
        temperature: float = 1.0,
        speaker: str = "",
        first_sample: int = 0,
        timeout: float | None = None,
    ) -> AudioStream:
        """The audio while it is being made."""
        request = pb.StreamSynthesizeRequest(
            synthesis=_synthesis(voice, seed, temperature, speaker, first_sample),
            conditioning=_conditioning(seconds, audio, sample_rate, mel),
        )
        return AudioStream(self._stub.StreamSynthesize(request, timeout=timeout, metadata=self._metadata))

    def resynthesize(
        self,
        pieces: Iterable[ArrayLike],
        voice: str = "",
        *,
        sample_rate: int = 0,
        seed: int = 0,
        temperature: float = 1.0,
        speaker: str = "",
        timeout: float | None = None,
    ) -> AudioStream:
        """Audio while its input is still coming: `pieces` are samples [n], from a microphone, say.

        They are taken from their iterator on a thread of gRPC's, as fast as the service takes them; what the
        iterator raises, the stream raises.
        """
        errors: list[Exception] = []
        synthesis = _synthesis(voice, seed, temperature, speaker, 0)

        def messages() -> Iterator[pb.ResynthesizeRequest]:
            form = pb.AudioFormat(sample_format=pb.SAMPLE_FORMAT_FLOAT32, sample_rate=sample_rate)
            yield pb.ResynthesizeRequest(config=pb.ResynthesizeConfig(synthesis=synthesis, audio=form))
            try:
                for piece in pieces:
                    yield pb.ResynthesizeRequest(audio=_bytes(piece, form.sample_format))
            except Exception as error:
                errors.append(error)
                raise

        return AudioStream(
            self._stub.Resynthesize(messages(), timeout=timeout, metadata=self._metadata), errors
        )


def _synthesis(voice: str, seed: int, temperature: float, speaker: str, first_sample: int) -> pb.Synthesis:
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed is {seed}; it must be from 0 to 2^64 - 1")
    return pb.Synthesis(
        voice=voice, seed=seed, temperature=temperature, speaker=speaker, first_sample=first_sample
    )


def _conditioning(
    seconds: float | None, audio: ArrayLike | None, sample_rate: int, mel: ArrayLike | None
) -> pb.Conditioning:
    if sum(given is not None for given in (seconds, audio, mel)) != 1:
        raise ValueError("exactly one of seconds, audio and mel must be given")
    if seconds is not None:
        return pb.Conditioning(duration_seconds=seconds)
    if mel is not None:
        frames = np.asarray(mel, np.float32)
        if frames.ndim != 2:
            raise ValueError(f"mel has shape {list(frames.shape)}; it must be [frames, bands]")
        return pb.Conditioning(mel=pb.MelFrames(bands=frames.shape[1], values=frames.ravel()))
    samples = np.asarray(audio)
    form = pb.AudioFormat(sample_format=pb.SAMPLE_FORMAT_FLOAT32, sample_rate=sample_rate)
    if samples.dtype == np.int16:
        form.sample_format = pb.SAMPLE_FORMAT_PCM16
    return pb.Conditioning(audio=pb.Audio(format=form, samples=_bytes(samples, form.sample_format)))


def _bytes(samples: ArrayLike, sample_format: pb.SampleFormat.ValueType) -> bytes:
    array = np.asarray(samples)
    if array.ndim != 1:
        raise ValueError(f"audio has shape {list(array.shape)}; it must be one channel, [n]")
    if sample_format == pb.SAMPLE_FORMAT_PCM16:
        return array.astype("<i2").tobytes()
    if array.dtype == np.int16:
        array = array / 32768
    return array.astype("<f4").tobytes()


def _chunk(chunk: pb.AudioChunk) -> Chunk:
    samples = np.frombuffer(chunk.audio, "<i2").astype(np.float32) / np.float32(32768)
    statistics = chunk.statistics if chunk.HasField("statistics") else None
    return Chunk(samples, chunk.audio, chunk.first_sample, chunk.sample_rate, statistics)
