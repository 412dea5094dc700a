"""What OpenAI's API asks for, as a request of ours.

`voice` is the name of a voice here, or NAME/SPEAKER for one of its speakers. Programs that let nobody choose send names
that OpenAI's models have: those are the default voice. `model` says nothing more.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from wavesynth.audio.live_files import LIVE_FILES
from wavesynth.checks import brief
from wavesynth.server.web.speech.errors import ApiError
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["MODEL", "MODELS", "Speech", "speech_of"]

#: The model that there is.
MODEL = "wavesynth"
#: Names under which it is asked for too.
MODELS = (MODEL, "tts-1", "tts-1-hd", "gpt-4o-mini-tts")
#: OpenAI's voices.
_THEIRS = frozenset(
    "alloy ash ballad coral echo fable onyx nova sage shimmer verse marin cedar".split()  # noqa: SIM905
)
_FIELDS = (
    "model",
    "input",
    "voice",
    "instructions",
    "response_format",
    "speed",
    "stream",
    "stream_format",
)
#: The slowest and the fastest speed.
_SPEEDS = (0.25, 4.0)


@dataclass(frozen=True)
class Speech:
    """What is to be said, and how it is to be sent."""

    request: pb.StreamSynthesizeRequest
    form: str
    """One of LIVE_FILES."""
    events: bool
    """Whether audio is sent as server-sent events."""


def speech_of(body: bytes, voices: Collection[str]) -> Speech:
    """The request in a body, for a service of these `voices`. Raises ApiError, naming the field."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {str(error)[:200]}") from None
    if not isinstance(given, dict):
        raise ApiError(HTTPStatus.BAD_REQUEST, "the body is no JSON object")
    for name in given:
        if name not in _FIELDS:
            raise _wrong(name, f"{brief(name)} is not known; the fields are {', '.join(_FIELDS)}")
    model = _text(given, "model")
    if model not in MODELS:
        sentence = f"model is {brief(model)}; it must be {MODEL}"
        raise ApiError(HTTPStatus.NOT_FOUND, sentence, "model", "model_not_found")
    text = _text(given, "input")
    if not text.strip():
        raise _wrong("input", "input is empty; it must have at least one word")
    form = given.get("response_format", "mp3")
    if not isinstance(form, str) or form not in LIVE_FILES:
        raise _wrong("response_format", f"response_format is {brief(form)}; it must be {_any(LIVE_FILES)}")
    how = given.get("stream_format", "audio")
    if how not in ("audio", "sse"):
        raise _wrong("stream_format", f"stream_format is {brief(how)}; it must be audio or sse")
    if not isinstance(given.get("stream", False), bool):
        raise _wrong("stream", f"stream is {brief(given['stream'])}; it must be true or false")
    voice, speaker = _voice(given.get("voice"), voices)
    try:
        conditioning = pb.Conditioning(
            text=pb.Text(text=text, format=pb.TextFormat(rate=_speed(given.get("speed", 1))))
        )
        synthesis = pb.Synthesis(voice=voice, speaker=speaker, encoding=pb.ENCODING_PCM16)
    except UnicodeError:  # half of a surrogate pair
        raise _wrong("input", "input is no text: it has half of a surrogate pair") from None
    return Speech(
        pb.StreamSynthesizeRequest(synthesis=synthesis, conditioning=conditioning), form, how == "sse"
    )


def _voice(given: Any, voices: Collection[str]) -> tuple[str, str]:
    """The voice and the speaker that are meant; empty for the default ones."""
    name = given.get("id") if isinstance(given, dict) else given
    if not isinstance(name, str) or not name:
        raise _wrong("voice", f"voice is {brief(given)}; it must be the name of a voice")
    voice, _, speaker = name.partition("/")
    return ("" if voice in _THEIRS and voice not in voices else voice), speaker


def _speed(given: Any) -> float:
    low, high = _SPEEDS
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not low <= given <= high:
        raise _wrong("speed", f"speed is {brief(given)}; it must be a number from {low:g} to {high:g}")
    return float(given)


def _text(given: dict[str, Any], name: str) -> str:
    if name not in given:
        raise _wrong(name, f"{name} is missing")
    if not isinstance(given[name], str):
        raise _wrong(name, f"{name} must be a text")  # without what came: the log has no word of a text
    return str(given[name])


def _any(names: Collection[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"


def _wrong(param: str, sentence: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, sentence, param)
