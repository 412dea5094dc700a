"""The arguments of the library's calls, as plain data (wavesynth.engine.requests)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from wavesynth.checks import real, require_value, whole
from wavesynth.engine.requests import AudioInput, DurationInput, MelInput

__all__ = ["ONE_OF", "input_of", "is_in_pieces", "options_of", "rate_of"]

ONE_OF = "exactly one of audio, mel and seconds must be given"


def input_of(
    audio: Any, mel: Any, seconds: float | None, sample_rate: int | None
) -> DurationInput | MelInput | AudioInput:
    """The input of a call, whole. Raises ValueError unless it is exactly one thing."""
    if sum(given is not None for given in (audio, mel, seconds)) != 1:
        raise ValueError(ONE_OF)
    if is_in_pieces(audio) or is_in_pieces(mel):
        raise ValueError("the input comes in pieces; it must be whole, or be given to stream")
    if audio is not None:
        return AudioInput(audio, rate_of(sample_rate))
    return MelInput(mel) if seconds is None else DurationInput(real("seconds", seconds))


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
