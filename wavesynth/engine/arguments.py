"""The arguments of the library's calls, as plain data (wavesynth.engine.requests)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from wavesynth.checks import real, require_value, whole
from wavesynth.engine.requests import AudioInput, DurationInput, MelInput, TextInput
from wavesynth.text.options import TextOptions

__all__ = ["ONE_OF", "Reading", "input_of", "input_or_pieces", "is_in_pieces", "options_of", "rate_of"]

ONE_OF = "exactly one of audio, mel, text and seconds must be given"


class Reading(TypedDict, total=False):
    """How a text is to be read: the fields of `wavesynth.text.options.TextOptions`."""

    markup: Literal["plain", "ssml"]
    rate: float
    pitch: float
    pronunciations: Mapping[str, str]


def input_of(
    audio: Any,
    mel: Any,
    seconds: float | None,
    text: Any,
    sample_rate: int | None,
    reading: Reading,
) -> DurationInput | MelInput | AudioInput | TextInput:
    """The input of a call, whole. Raises ValueError unless it is exactly one thing."""
    given, pieces = input_or_pieces(audio, mel, seconds, text, sample_rate, reading)
    if pieces is not None:
        raise ValueError("the input comes in pieces; it must be whole, or be given to stream")
    return given


def input_or_pieces(
    audio: Any,
    mel: Any,
    seconds: float | None,
    text: Any,
    sample_rate: int | None,
    reading: Reading,
) -> tuple[DurationInput | MelInput | AudioInput | TextInput, Iterable[Any] | None]:
    """The input of a call, and its pieces if it comes in pieces. Raises ValueError unless it is exactly one thing."""
    if sum(given is not None for given in (audio, mel, seconds, text)) != 1:
        raise ValueError(ONE_OF)
    if reading and text is None:
        raise ValueError(f"{', '.join(sorted(reading))} is for text, and there is none")
    source: Any = next(given for given in (audio, mel, text, seconds) if given is not None)
    pieces = source if is_in_pieces(source) else None
    whole = None if pieces is not None else source
    if audio is not None:
        return AudioInput(whole, rate_of(sample_rate)), pieces
    if mel is not None:
        return MelInput(whole), pieces
    if text is not None:
        return TextInput(whole, _text_options(reading)), pieces
    return DurationInput(real("seconds", seconds)), None


def _text_options(reading: Reading) -> TextOptions:
    if unknown := sorted(set(reading) - set(Reading.__annotations__)):
        raise TypeError(f"{', '.join(unknown)} is no argument")
    return TextOptions(**reading)


def rate_of(sample_rate: int | None) -> int:
    """Hertz of audio; 0 for the voice's own."""
    return 0 if sample_rate is None else whole("sample_rate", sample_rate)


def options_of(
    seed: int, temperature: float | None, speaker: str, correction: bool | None, first_sample: int
) -> dict[str, Any]:
    """The options of a call, by the names that `SynthesisRequest` has. Raises ValueError for another type."""
    require_value("speaker", speaker, isinstance(speaker, str), "a text")
    yes_or_no = correction is None or isinstance(correction, bool | np.bool_)
    require_value("correction", correction, yes_or_no, "true or false, or None")
    return {
        "seed": whole("seed", seed),
        "temperature": None if temperature is None else real("temperature", temperature),
        "speaker": speaker,
        "correction": correction,
        "first_sample": whole("first_sample", first_sample),
    }


def is_in_pieces(given: object) -> TypeGuard[Iterable[ArrayLike]]:
    """Whether it gives its pieces one after the other, and is no array or list of numbers."""
    return isinstance(given, Iterable) and not isinstance(given, Sequence) and not hasattr(given, "__array__")
