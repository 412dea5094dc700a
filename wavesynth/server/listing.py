"""What a service says of its voices."""

from __future__ import annotations

from collections.abc import Collection

from wavesynth.engine.requests import default_voice
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.voices.voice import Voice

__all__ = ["listed"]


def listed(voices: Collection[Voice], max_seconds: float) -> pb.ListVoicesResponse:
    """All voices, by name; a call may make `max_seconds` of audio."""
    described = [_describe(voice) for voice in sorted(voices, key=lambda voice: voice.name)]
    return pb.ListVoicesResponse(
        voices=described, default_voice=default_voice(voices), max_seconds=max_seconds
    )


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
