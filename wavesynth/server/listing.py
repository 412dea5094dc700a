"""What a service says of its voices, and of its models of images, in one message each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from wavesynth.engine.voice_choice import default_voice
from wavesynth.server.telemetry import log
from wavesynth.v1 import images_pb2
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.voices.voice import Voice

__all__ = ["fitting", "listed"]

Described = TypeVar("Described", pb.Voice, images_pb2.ImageModel)
#: Bytes of a list. A client of gRPC takes messages of 4 MiB unless it is told otherwise.
_MOST = (4 << 20) - 1024
#: Bytes of a field, beside those of the message that it holds.
_AROUND = 8


def listed(voices: Collection[Voice], max_seconds: float) -> pb.ListVoicesResponse:
    """All voices that fit into one message, by name, and the default one in any case; a call may make `max_seconds` of
    audio."""
    default = default_voice(voices)
    first = sorted(voices, key=lambda voice: (voice.name != default, voice.name))
    described = sorted(fitting(map(_describe, first)), key=lambda voice: voice.name)
    return pb.ListVoicesResponse(voices=described, default_voice=default, max_seconds=max_seconds)


def fitting(described: Iterable[Described]) -> list[Described]:
    """Those for which one message has room, each in turn. The log names the others, which are served all the same."""
    left, fit, too_many = _MOST, list[Described](), list[str]()
    for one in described:
        size = one.ByteSize() + _AROUND
        if size <= left:
            left -= size
            fit.append(one)
        else:
            too_many.append(one.name)
    if too_many:
        log("served, but not listed: the list would be too long", "warning", names=too_many, bytes=_MOST)
    return fit


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
        text=voice.takes_text,
    )
