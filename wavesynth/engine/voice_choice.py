"""Which voice is meant: by its name, or the default one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wavesynth.voices.voice import Voice

__all__ = ["UnknownVoiceError", "choose_voice", "default_voice", "takes_no_text"]


class UnknownVoiceError(ValueError):
    """No voice has the name that was asked for."""


def default_voice(voices: Iterable[Voice], text: bool = False) -> str:
    """The name of the voice for those who name none: the cheapest, and one that copies whoever speaks if there is one;
    with `text`, of those that take text.

    Raises ValueError when there are no such voices.
    """
    able = [voice for voice in voices if voice.takes_text or not text]
    if not able:
        raise ValueError("no voice here takes text")
    return min(able, key=lambda voice: (voice.cost, voice.name)).name


def choose_voice(voices: Mapping[str, Voice], name: str, text: bool = False) -> Voice:
    """The voice of that name, the default one if it is empty. Raises UnknownVoiceError, which lists the names; and with
    `text`, for a voice that takes none, ValueError, which lists those that do."""
    name = name or default_voice(voices.values(), text)
    if name not in voices:
        raise UnknownVoiceError(f"voice is {name[:100]!r}; the voices are {', '.join(sorted(voices))}")
    if text and not voices[name].takes_text:
        raise ValueError(
            takes_no_text(name, [f"{v.name} ({v.language})" for v in voices.values() if v.takes_text])
        )
    return voices[name]


def takes_no_text(name: str, able: Iterable[str]) -> str:
    """What is said of a voice that takes no text, with the names of those that do."""
    return f"voice {name} takes no text; those that do are {', '.join(sorted(able)) or 'none here'}"
