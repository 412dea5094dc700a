"""From messages to requests: every field is checked here, before the engine sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import grpc
from torch import Tensor

from wavesynth.audio.correction import DEFAULT_FRAMES, can_correct
from wavesynth.engine.source import DurationSource, Source
from wavesynth.engine.stream import Request
from wavesynth.sampling.reference import SamplingParams
from wavesynth.server.decoding import Input, audio_input, mel_input
from wavesynth.server.encoding import bytes_per_sample, encoder
from wavesynth.server.errors import RefusedError, invalid
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.voices.voice import Voice

__all__ = ["MAX_MESSAGE", "Requests"]

#: Bytes of a message, either way; and what of it is kept for what is not audio.
MAX_MESSAGE = 16 << 20
_OVERHEAD = 64 << 10


class Requests:
    """Checks requests for `voices`; a call may make `max_seconds` of audio.

    Everything raises RefusedError, with one sentence that names the field, what came and what is allowed.
    """

    def __init__(self, voices: Iterable[Voice], max_seconds: float = 600.0) -> None:
        self.voices = {voice.name: voice for voice in voices}
        self.max_seconds = max_seconds

    @property
    def default(self) -> str:
        """The name of the voice with the fewest layers, of those that copy whoever speaks if there are any."""

        return min(self.voices, key=lambda name: (self.voices[name].cost, name))

    def listed(self) -> pb.ListVoicesResponse:
        """All voices, by name."""
        voices = [_describe(voice) for _, voice in sorted(self.voices.items())]
        return pb.ListVoicesResponse(voices=voices, default_voice=self.default, max_seconds=self.max_seconds)

    def voice(self, synthesis: pb.Synthesis) -> Voice:
        """The voice that is asked for."""
        name = synthesis.voice or self.default
        if name not in self.voices:
            known = ", ".join(sorted(self.voices))
            raise RefusedError(grpc.StatusCode.NOT_FOUND, f"voice is {name[:100]!r}; the voices are {known}")
        return self.voices[name]

    def whole(
        self, synthesis: pb.Synthesis, conditioning: pb.Conditioning, live: bool
    ) -> tuple[Request, Tensor | None]:
        """A request that comes in one message, and its input."""
        voice = self.voice(synthesis)
        speaker = _speaker(voice, synthesis.speaker)
        match kind := conditioning.WhichOneof("source"):
            case None:
                raise invalid("conditioning is missing; it must be one of duration_seconds, mel, audio")
            case "duration_seconds":
                samples = self._duration(voice, conditioning.duration_seconds)
                return _request(
                    voice, synthesis, lambda: DurationSource(voice, speaker, samples), samples, live
                ), None
            case "mel":
                given = mel_input(voice)
                piece = given.read(conditioning.mel)
            case "audio":
                given = audio_input(voice, conditioning.audio.format)
                piece = given.read(conditioning.audio.samples)
        if not len(piece):
            raise invalid(f"{kind} is empty; it must have at least one {given.unit}")
        samples = given.samples(len(piece))
        self.check_length(kind, voice, samples)
        return _request(voice, synthesis, lambda: given.source(speaker), samples, live), piece

    def growing(self, config: pb.ResynthesizeConfig) -> tuple[Request, Input]:
        """A request whose input comes piece by piece, and how to read it."""
        voice = self.voice(config.synthesis)
        speaker = _speaker(voice, config.synthesis.speaker)
        match config.WhichOneof("input"):
            case None:
                raise invalid("config.input is missing; it must be one of audio, mel")
            case "mel":
                given = mel_input(voice)
            case "audio":
                given = audio_input(voice, config.audio)
        return _request(voice, config.synthesis, lambda: given.source(speaker), None, True), given

    def check_length(self, field: str, voice: Voice, samples: int) -> None:
        """Refuses more audio than a call may make."""
        seconds = samples / voice.sample_rate
        if seconds > self.max_seconds:
            raise invalid(
                f"{field} makes {seconds:g} seconds of audio; at most {self.max_seconds:g} are allowed"
            )

    def _duration(self, voice: Voice, seconds: float) -> int:
        if voice.takes_mel:
            raise invalid(f"conditioning is duration_seconds; voice {voice.name} needs mel or audio")
        low = 1 / voice.sample_rate
        if not low <= seconds <= self.max_seconds:  # NaN too
            raise invalid(f"duration_seconds is {seconds:g}; it must be from {low:g} to {self.max_seconds:g}")
        return round(seconds * voice.sample_rate)


def _speaker(voice: Voice, name: str) -> int | None:
    if not voice.speakers:
        if name:
            raise invalid(f"speaker is {name[:100]!r}; voice {voice.name} has but one, so it must be empty")
        return None
    if name and name not in voice.speakers:
        raise invalid(
            f"speaker is {name[:100]!r}; the speakers of {voice.name} are {', '.join(voice.speakers)}"
        )
    return voice.speakers.index(name) if name else 0


def _request(
    voice: Voice, synthesis: pb.Synthesis, source: Callable[[], Source], samples: int | None, live: bool
) -> Request:
    first = synthesis.first_sample
    if samples is not None and first >= samples:
        raise invalid(f"first_sample is {first}; it must be below {samples}, the samples of the whole")
    left = None if samples is None else samples - first
    correction = voice.correction
    if synthesis.HasField("correction"):
        correction = (voice.correction or DEFAULT_FRAMES) if synthesis.correction else 0
    if correction and not can_correct(voice.mel_bands, voice.mel):
        raise invalid(
            f"correction is true; voice {voice.name} has no mel bands to correct by, so it must be false"
        )
    try:
        given = synthesis.HasField("temperature")
        key = SamplingParams(synthesis.seed, synthesis.temperature if given else voice.temperature)
        encode = encoder(synthesis.encoding, voice.sample_rate, left)
    except ValueError as error:
        raise invalid(str(error)) from error
    fits = (MAX_MESSAGE - _OVERHEAD) // bytes_per_sample(synthesis.encoding)
    if not live and left is not None and left > fits:
        raise invalid(f"Synthesize would return {left} samples; at most {fits} fit, so use StreamSynthesize")
    return Request(voice.name, source, key, samples, live, first, encode, correction)


def _describe(voice: Voice) -> pb.Voice:
    return pb.Voice(
        name=voice.name,
        description=voice.description,
        language=voice.language,
        licence=voice.licence,
        sample_rate=voice.sample_rate,
        layers=voice.layers,
        receptive_field=voice.receptive_field,
        mel_bands=voice.mel_bands,
        hop=voice.hop if voice.takes_mel else 0,
        speakers=voice.speakers,
        temperature=voice.temperature,
        correction=voice.correction > 0,
    )
