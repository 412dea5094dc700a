"""From messages to requests: every field is checked here, before the engine sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import grpc
from numpy.typing import NDArray

from wavesynth.audio.encodings import Encode
from wavesynth.engine.requests import InputReader, SynthesisRequest, TextInput, prepare
from wavesynth.engine.spoken import most_seconds
from wavesynth.engine.stream import EngineRequest
from wavesynth.engine.voice_choice import UnknownVoiceError, choose_voice, default_voice
from wavesynth.server.decoding import FIELDS, growing_request, piece_of, whole_request
from wavesynth.server.encoding import bytes_per_sample, encoder, encoder_of_whole
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.server.listing import listed
from wavesynth.server.served_voice import ServedVoice
from wavesynth.v1 import MAX_MESSAGE, MESSAGE_OVERHEAD
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["Checked", "GrowingInput", "Requests", "TextToRead", "refusals"]

T = TypeVar("T")


@dataclass(frozen=True)
class Checked(Generic[T]):
    """A request that can be made."""

    request: EngineRequest
    encode: Encode
    """What encodes its audio."""
    sample_rate: int
    """Hertz, of its audio."""
    given: T
    """Its input, or how to read it."""


@dataclass(frozen=True)
class TextToRead:
    """The text of a call, which `wavesynth.server.texts` reads aloud."""

    voice: ServedVoice
    given: TextInput
    reader: InputReader
    """Checks the frames that are made of it, and says how much audio they make."""


class Requests:
    """Checks requests for `voices`; a call may make `max_seconds` of audio.

    Everything raises RefusedError, with one sentence that names the field, what came and what is allowed.
    """

    def __init__(self, voices: Iterable[ServedVoice], max_seconds: float = 600.0) -> None:
        self.max_seconds = max_seconds
        self.serve(voices)

    def serve(self, voices: Iterable[ServedVoice]) -> None:
        """From now on these are served; what was checked before is not touched."""
        self.voices: dict[str, Any] = {voice.name: voice for voice in voices}
        self._list: pb.ListVoicesResponse | None = None

    @property
    def default(self) -> str:
        """The name of the voice of requests that name none, but for those of text."""
        return default_voice(self.voices.values())

    def listed(self) -> pb.ListVoicesResponse:
        """The voices, by name."""
        if self._list is None:
            self._list = listed(self.voices.values(), self.max_seconds)
        return self._list

    def whole(
        self, synthesis: pb.Synthesis, conditioning: pb.Conditioning, live: bool
    ) -> Checked[NDArray[Any] | TextToRead | None]:
        """A request that comes in one message, with its input."""
        with refusals():
            wanted = whole_request(synthesis, conditioning, live)
            voice, request, encode, reader, piece = self._prepare(wanted, synthesis.encoding)
            given: NDArray[Any] | TextToRead | None = piece
            if isinstance(wanted.input, TextInput):
                assert reader is not None
                given = TextToRead(voice, wanted.input, reader)
            return Checked(request, encode, voice.sample_rate, given)

    def growing(self, config: pb.ResynthesizeConfig) -> Checked[GrowingInput]:
        """A request whose input comes piece by piece, and how to read it."""
        with refusals():
            wanted = growing_request(config)
            voice, request, encode, reader, _ = self._prepare(wanted, config.synthesis.encoding)
            assert reader is not None
            text = None
            if isinstance(wanted.input, TextInput):
                text = TextToRead(voice, wanted.input, reader)
            return Checked(request, encode, voice.sample_rate, GrowingInput(config, reader, text))

    def _prepare(
        self, wanted: SynthesisRequest, encoding: pb.Encoding.ValueType
    ) -> tuple[ServedVoice, EngineRequest, Encode, InputReader | None, NDArray[Any] | None]:
        is_text = isinstance(wanted.input, TextInput)
        voice: Any = choose_voice(self.voices, wanted.voice, is_text)
        fits = (MAX_MESSAGE - MESSAGE_OVERHEAD) // bytes_per_sample(encoding)
        in_one_message = is_text and not wanted.live
        longest = min(self.max_seconds, fits / voice.sample_rate) if in_one_message else self.max_seconds
        request, reader, piece = prepare(wanted, voice, longest, FIELDS)
        most = None
        if isinstance(wanted.input, TextInput) and in_one_message:
            seconds = most_seconds(wanted.input.text or "", wanted.input.options)
            most = round(min(longest, seconds) * voice.sample_rate)
        left = None if request.samples is None else request.samples - request.first_sample
        make = encoder_of_whole if in_one_message else encoder
        encode = make(encoding, voice.sample_rate, left)
        if not wanted.live and left is not None and left > fits:
            raise ValueError(
                f"Synthesize would return {left} samples; at most {fits} fit, so use StreamSynthesize"
            )
        return voice, replace(request, edition=voice.edition, most_samples=most), encode, reader, piece


class GrowingInput:
    """Reads the messages of one call after its configuration."""

    def __init__(
        self, config: pb.ResynthesizeConfig, reader: InputReader, text: TextToRead | None = None
    ) -> None:
        self._config, self._reader = config, reader
        self._messages = 1  # the configuration
        self.text = text
        """How to read text aloud, if that is what comes."""

    def read(self, message: pb.ResynthesizeRequest) -> tuple[NDArray[Any], int]:
        """The input of the next message, and the samples of audio that it makes. Raises RefusedError."""
        with refusals():
            self._check(message)
            return self._reader.read(piece_of(message, self._config))

    def read_text(self, message: pb.ResynthesizeRequest) -> str:
        """The text of the next message. Raises RefusedError."""
        with refusals():
            self._check(message)
            return message.text

    def _check(self, message: pb.ResynthesizeRequest) -> None:
        self._messages += 1
        if (kind := message.WhichOneof("message")) != self._reader.field:
            raise ValueError(
                f"message {self._messages} is {kind or 'empty'}; after the configuration all must be "
                f"{self._reader.field}"
            )


@contextmanager
def refusals() -> Iterator[None]:
    """ValueError as the status that a caller gets."""
    try:
        yield
    except UnknownVoiceError as error:
        raise RefusedError(grpc.StatusCode.NOT_FOUND, str(error)) from error
    except ValueError as error:
        raise invalid(str(error)) from error
