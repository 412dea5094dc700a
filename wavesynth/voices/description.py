"""A voice on disk: a folder with voice.json, weights.safetensors and CARD.md; the fields of voice.json.

`format` in voice.json says which fields it has, all of them and no others (wavesynth.formats):

- 1, of the voices that ship: `temperature`, `correction`, `fine` and `converter` may be absent.
- 2: all fields are there, with `mid_tread` and `wavesynth`, the version that wrote it.
- 3: with `kind` and what fields that has of its own, such as `activation_bits` instead of `fine`. Formats 1 and 2
  are of the kind wavenet.
- 4, which is written if `model` says something that 3 cannot: with the fields that came later, such as `reversible`.
- 5, which is written of a voice that takes text: with `text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from wavesynth.audio.analysis import MelConfig
from wavesynth.audio.projection import MAX_FRAMES, can_correct
from wavesynth.checks import require_value
from wavesynth.formats import check_fields, check_name, check_texts, read_config
from wavesynth.models.converter_config import ConverterConfig
from wavesynth.models.text_config import TextConfig
from wavesynth.sampling.draw import TEMPERATURES

__all__ = [
    "FIELDS",
    "FORMAT",
    "OF_KINDS",
    "OF_TEXT",
    "TEXTS",
    "Needs",
    "as_newest",
    "checked",
    "converter_config",
    "speaker_number",
    "text_config",
]

BesideVoice = TypeVar("BesideVoice", ConverterConfig, TextConfig)

#: The newest.
FORMAT = 5
#: The first with a kind, which is written unless it takes a newer one.
OF_KINDS = 3
#: The first with `text`.
OF_TEXT = 5
#: What voices of format 1 mean by a field that they lack.
_ABSENT = {"temperature": 1.0, "correction": 0, "fine": False, "converter": None}
TEXTS = ("name", "description", "language", "licence")
FIELDS = {
    *TEXTS,
    "format",
    "wavesynth",
    "kind",
    "model",
    "mel",
    "preemphasis",
    "speakers",
    "temperature",
    "correction",
    "converter",
}


@dataclass(frozen=True)
class Needs:
    """What a voice's network takes and sees, as its kind says of its configuration."""

    hop: int
    """Samples that one frame of conditioning lasts."""
    mel_bands: int = 0
    """Bands of the log-mel that it takes; 0 for none, only how long it is to speak."""
    mel_context: int = 0
    """Mel frames on each side of a frame that it sees."""
    speakers: int = 0
    """Speakers that it is told apart by number; 0: it is not told who speaks."""
    receptive_field: int = 1
    """Samples that a sample depends on, the ones before it."""
    layers: int = 1
    """As voices are listed, and ordered by what they cost."""


def as_newest(number: int, values: dict[str, Any]) -> dict[str, Any]:
    """A description of any format with the fields of the newest one, but for those of its kind."""
    if number >= OF_KINDS:
        names = FIELDS | {"text"} if number >= OF_TEXT else FIELDS
        check_fields("voice.json", values, names | (set(values) - {"text"}))
        return {"text": None} | values
    names = {*FIELDS, "fine"} - {"kind", "wavesynth"}
    if number == 1:
        values = _ABSENT | values
    else:
        names |= {"mid_tread", "wavesynth"}
    check_fields("voice.json", values, names)
    values = values | {"text": None}
    fine = values.pop("fine")
    require_value("fine", fine, isinstance(fine, bool), "true or false")
    its = {"kind": "wavenet", "activation_bits": 16 if fine else 8}
    return {"mid_tread": False, "wavesynth": ""} | values | its


def checked(values: dict[str, Any], needs: Needs) -> dict[str, Any]:
    """What a voice of any kind has but its networks, as `Voice` takes it; ValueError for what is not allowed."""
    check_texts(values, (*TEXTS, "wavesynth"))
    preemphasis, temperature, correction = (
        values[name] for name in ("preemphasis", "temperature", "correction")
    )
    require_value(
        "preemphasis",
        preemphasis,
        _is_number(preemphasis) and 0 <= preemphasis < 1,
        "a number from 0 to below 1",
    )
    low, high = TEMPERATURES
    require_value(
        "temperature",
        temperature,
        _is_number(temperature) and low <= temperature <= high,
        f"a number from {low} to {high}",
    )
    whole = isinstance(correction, int) and not isinstance(correction, bool)
    require_value(
        "correction",
        correction,
        whole and 0 <= correction <= MAX_FRAMES,
        f"a whole number from 0 to {MAX_FRAMES}",
    )
    speakers = values["speakers"]
    names = isinstance(speakers, list) and all(isinstance(speaker, str) for speaker in speakers)
    require_value("speakers", speakers, names, "a list of names")
    for number, speaker in enumerate(speakers):
        check_name(f"speakers[{number}]", speaker)
    if len(speakers) != needs.speakers:
        raise ValueError(f"speakers has {len(speakers)} names; model.speakers is {needs.speakers}")
    mel = read_config("mel", values["mel"], MelConfig)
    if (needs.mel_bands or mel.bands, needs.hop) != (mel.bands, mel.hop):
        raise ValueError(
            f"mel has {mel.bands} bands and hop {mel.hop}; the model needs {needs.mel_bands} and {needs.hop}"
        )
    if correction and not can_correct(needs.mel_bands, mel):
        raise ValueError(f"correction is {correction}; it must be 0 without mel bands that overlap by half")
    return {
        "kind": values["kind"],
        **{name: values[name] for name in TEXTS},
        "mel": mel,
        "preemphasis": float(preemphasis),
        "speakers": tuple(speakers),
        "temperature": float(temperature),
        "correction": correction,
    }


def converter_config(values: Any, bands: int) -> ConverterConfig | None:
    """The converter that is described, if there is one; ValueError for one of other bands."""
    return _of_bands("converter", values, ConverterConfig, bands)


def text_config(values: Any, bands: int) -> TextConfig | None:
    """The text network that is described, if there is one; ValueError for one of other bands."""
    return _of_bands("text", values, TextConfig, bands)


def _of_bands(name: str, values: Any, kind: type[BesideVoice], bands: int) -> BesideVoice | None:
    """The configuration of a network that makes log-mel for a voice of so many bands."""
    if values is None:
        return None
    config = read_config(name, values, kind)
    if config.bands != bands:
        raise ValueError(f"{name}.bands is {config.bands}; model.mel_bands is {bands}")
    return config


def speaker_number(name: str, speakers: Sequence[str], voice: str) -> int | None:
    """The number of the speaker of that name among a voice's, of the first if it is empty; None for a voice that is not
    told who speaks. Raises ValueError for a name that it does not have."""
    if not speakers:
        if name:
            raise ValueError(f"speaker is {name[:100]!r}; voice {voice} has but one, so it must be empty")
        return None
    if name and name not in speakers:
        raise ValueError(f"speaker is {name[:100]!r}; the speakers of {voice} are {', '.join(speakers)}")
    return speakers.index(name) if name else 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
