"""What a call's audio is made from: bytes and messages, checked, as tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wavesynth.audio.pcm import check_scale
from wavesynth.audio.resampling import StreamingResampler
from wavesynth.engine.source import AudioSource, MelSource, Source
from wavesynth.server.errors import invalid
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.voices.voice import Voice

__all__ = ["Input", "audio_input", "mel_input"]

_SAMPLE_RATES = (8000, 96_000)
_MEL_LIMIT = 100.0


@dataclass(frozen=True)
class Input:
    """How a call's input is read, and what it makes."""

    kind: str
    """The field of a message that holds it: audio or mel."""
    unit: str
    """What a piece of it has at least one of."""
    read: Callable[[bytes | pb.MelFrames], Tensor]
    """The samples [n] or frames [f, bands] of a message."""
    samples: Callable[[int], int]
    """Samples of audio that so many of them make."""
    source: Callable[[int | None], Source]
    """A source of this input for a speaker."""


def mel_input(voice: Voice) -> Input:
    """Mel frames for `voice`. Raises RefusedError, as does reading them."""
    bands = _bands(voice, "mel")

    def read(mel: bytes | pb.MelFrames) -> Tensor:
        assert isinstance(mel, pb.MelFrames)
        if mel.bands != bands:
            raise invalid(f"mel.bands is {mel.bands}; voice {voice.name} needs {bands}")
        values = np.array(mel.values, np.float32)
        if values.size % bands:
            raise invalid(f"mel.values has {values.size} values; it must be a multiple of mel.bands, {bands}")
        if not (np.abs(values) <= _MEL_LIMIT).all():  # NaN too
            raise invalid(f"mel.values has NaN or values beyond ±{_MEL_LIMIT:g}; it must have neither")
        return torch.from_numpy(values.reshape(-1, bands))

    hop = voice.hop
    return Input("mel", "frame", read, lambda frames: frames * hop, lambda speaker: MelSource(voice, speaker))


def audio_input(voice: Voice, audio: pb.AudioFormat) -> Input:
    """Samples in the format `audio` for `voice`. Raises RefusedError, as does reading them."""
    _bands(voice, "audio")
    target = voice.sample_rate
    rate = audio.sample_rate or target
    low, high = _SAMPLE_RATES
    if not low <= rate <= high:
        raise invalid(f"audio.format.sample_rate is {rate}; it must be from {low} to {high} hertz")
    if audio.sample_format not in pb.SampleFormat.values():
        most = max(pb.SampleFormat.values())
        raise invalid(f"audio.format.sample_format is {audio.sample_format}; it must be from 0 to {most}")
    floats = audio.sample_format == pb.SAMPLE_FORMAT_FLOAT32
    kind = np.dtype("<f4" if floats else "<i2")

    def read(samples: bytes | pb.MelFrames) -> Tensor:
        assert isinstance(samples, bytes)
        if len(samples) % kind.itemsize:
            raise invalid(
                f"audio has {len(samples)} bytes; it must be a multiple of {kind.itemsize}, whole samples"
            )
        array = np.frombuffer(samples, kind).astype(kind.newbyteorder("="))
        values = torch.from_numpy(array)
        if not floats:
            return values
        try:
            check_scale(array)
        except ValueError as error:
            raise invalid(str(error)) from error
        return values.clamp(-1, 1)

    length = StreamingResampler(rate, target).length if rate != target else lambda n: n
    return Input("audio", "sample", read, length, lambda speaker: AudioSource(voice, speaker, rate))


def _bands(voice: Voice, given: str) -> int:
    bands = voice.mel_bands
    if not bands:
        raise invalid(f"conditioning is {given}; voice {voice.name} takes duration_seconds and nothing else")
    return bands
