"""What the API calls an encoding, as wavesynth.audio.encodings knows it: bytes to samples and back are there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.encodings import Encode, Encoding, SampleFormat
from wavesynth.audio.encodings import encoder as make_encoder
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["bytes_per_sample", "encoder", "encoder_of_whole", "sample_format"]

_ENCODINGS: dict[int, Encoding] = {
    pb.ENCODING_UNSPECIFIED: Encoding.PCM16,
    pb.ENCODING_PCM16: Encoding.PCM16,
    pb.ENCODING_MULAW: Encoding.MULAW,
    pb.ENCODING_FLAC: Encoding.FLAC,
    pb.ENCODING_WAV: Encoding.WAV,
}
_SAMPLE_FORMATS: dict[int, SampleFormat] = {
    pb.SAMPLE_FORMAT_UNSPECIFIED: SampleFormat.PCM16,
    pb.SAMPLE_FORMAT_PCM16: SampleFormat.PCM16,
    pb.SAMPLE_FORMAT_FLOAT32: SampleFormat.FLOAT32,
}


def encoder(encoding: pb.Encoding.ValueType, sample_rate: int, samples: int | None) -> Encode:
    """An encoder for one stream of `samples` samples (None: not known beforehand).

    Raises ValueError for an encoding that does not exist, or that must know the length and does not.
    """
    kind = _kind(encoding)
    if samples is None and kind.needs_length:
        name = pb.Encoding.Name(encoding)
        raise ValueError(
            f"encoding is {name}; a call of unknown length takes ENCODING_PCM16 or ENCODING_MULAW"
        )
    return make_encoder(kind, sample_rate, samples)


def _kind(encoding: pb.Encoding.ValueType) -> Encoding:
    if encoding not in _ENCODINGS:
        raise ValueError(f"encoding is {encoding}; it must be from 0 to {max(_ENCODINGS)}")
    return _ENCODINGS[encoding]


def encoder_of_whole(encoding: pb.Encoding.ValueType, sample_rate: int, samples: int | None) -> Encode:
    """An encoder for audio of a length that is not known, which comes in one message: it encodes when the last of it
    is there. Raises ValueError for an encoding that does not exist."""
    _kind(encoding)
    kept: list[NDArray[np.int16]] = []

    def encode(piece: NDArray[np.int16], last: bool) -> bytes:
        kept.append(piece)
        if not last:
            return b""
        whole = np.concatenate(kept)
        return encoder(encoding, sample_rate, len(whole))(whole, True)

    return encode


def bytes_per_sample(encoding: pb.Encoding.ValueType) -> int:
    """The most bytes that a sample takes, headers aside. Raises ValueError for an encoding that does not exist."""
    return _kind(encoding).bytes_per_sample


def sample_format(form: pb.AudioFormat) -> SampleFormat:
    """How the samples of a call's input are written. Raises ValueError for a format that does not exist."""
    if form.sample_format not in _SAMPLE_FORMATS:
        most = max(_SAMPLE_FORMATS)
        raise ValueError(f"audio.format.sample_format is {form.sample_format}; it must be from 0 to {most}")
    return _SAMPLE_FORMATS[form.sample_format]
