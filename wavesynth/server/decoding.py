"""From protobuf to plain data: messages as `SynthesisRequest`s, and bytes as samples and frames.

What the data means is not looked at here (wavesynth.engine.requests), only whether the bytes are whole. All of it
raises ValueError, with one sentence.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.encodings import samples_of
from wavesynth.engine.requests import (
    AudioInput,
    DurationInput,
    FieldNames,
    MelInput,
    SynthesisRequest,
    TextInput,
)
from wavesynth.server.encoding import sample_format
from wavesynth.text.options import TextOptions
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["FIELDS", "growing_request", "mel_frames", "piece_of", "samples", "text_options", "whole_request"]

#: What the API calls the fields that have other names in the library.
FIELDS = FieldNames(
    input="conditioning",
    seconds="duration_seconds",
    sample_rate="audio.format.sample_rate",
    mel="mel.values",
    mel_bands="mel.bands",
)

_MARKUPS: dict[int, Literal["plain", "ssml"]] = {
    pb.TEXT_MARKUP_UNSPECIFIED: "plain",
    pb.TEXT_MARKUP_PLAIN: "plain",
    pb.TEXT_MARKUP_SSML: "ssml",
}


def whole_request(synthesis: pb.Synthesis, conditioning: pb.Conditioning, live: bool) -> SynthesisRequest:
    """The request of a call whose input came in one message."""
    match conditioning.WhichOneof("source"):
        case "duration_seconds":
            return _request(synthesis, DurationInput(conditioning.duration_seconds), live)
        case "mel":
            return _request(synthesis, MelInput(mel_frames(conditioning.mel)), live)
        case "audio":
            audio = conditioning.audio
            whole = AudioInput(samples(audio.samples, audio.format), audio.format.sample_rate)
            return _request(synthesis, whole, live)
        case "text":
            text = conditioning.text
            return _request(synthesis, TextInput(text.text, text_options(text.format)), live)
    raise ValueError("conditioning is missing; it must be one of duration_seconds, mel, audio, text")


def growing_request(config: pb.ResynthesizeConfig) -> SynthesisRequest:
    """The request of a call whose input comes piece by piece."""
    match config.WhichOneof("input"):
        case "mel":
            return _request(config.synthesis, MelInput(), live=True)
        case "audio":
            sample_format(config.audio)
            return _request(config.synthesis, AudioInput(sample_rate=config.audio.sample_rate), live=True)
        case "text":
            return _request(config.synthesis, TextInput(options=text_options(config.text)), live=True)
    raise ValueError("config.input is missing; it must be one of audio, mel, text")


def piece_of(message: pb.ResynthesizeRequest, config: pb.ResynthesizeConfig) -> NDArray[Any]:
    """The samples [n] or frames [f, bands] of a message after the configuration."""
    if message.WhichOneof("message") == "mel":
        return mel_frames(message.mel)
    return samples(message.audio, config.audio)


def text_options(form: pb.TextFormat) -> TextOptions:
    """How a text is to be read."""
    if form.markup not in _MARKUPS:
        raise ValueError(f"text.format.markup is {form.markup}; it must be from 0 to {max(_MARKUPS)}")
    return TextOptions(
        markup=_MARKUPS[form.markup],
        rate=form.rate if form.HasField("rate") else 1.0,
        pitch=form.pitch if form.HasField("pitch") else 1.0,
        pronunciations=dict(form.pronunciations),
    )


def samples(data: bytes, form: pb.AudioFormat) -> NDArray[Any]:
    """Samples [n], int16 or float32, of bytes in the format `form`."""
    return samples_of(data, sample_format(form))


def mel_frames(mel: pb.MelFrames) -> NDArray[np.float32]:
    """Log-mel frames [f, bands]."""
    values = np.array(mel.values, np.float32)
    if not mel.bands:
        return np.zeros((0, 0), np.float32)  # which no voice takes
    if values.size % mel.bands:
        raise ValueError(
            f"mel.values has {values.size} values; it must be a multiple of mel.bands, {mel.bands}"
        )
    return values.reshape(-1, mel.bands)


def _request(
    synthesis: pb.Synthesis, given: DurationInput | MelInput | AudioInput | TextInput, live: bool
) -> SynthesisRequest:
    return SynthesisRequest(
        given,
        voice=synthesis.voice,
        speaker=synthesis.speaker,
        seed=synthesis.seed,
        temperature=synthesis.temperature if synthesis.HasField("temperature") else None,
        correction=synthesis.correction if synthesis.HasField("correction") else None,
        first_sample=synthesis.first_sample,
        live=live,
    )
