"""How a text is to be read, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from wavesynth.checks import real, require

__all__ = ["MARKUPS", "PITCHES", "RATES", "TextOptions"]

#: How a text may be written.
MARKUPS = ("plain", "ssml")
#: The slowest and the fastest rate.
RATES = (0.25, 4.0)
#: The lowest and the highest pitch.
PITCHES = (0.5, 2.0)
#: Words that a call may bring the pronunciation of.
_MOST_WORDS = 10_000


@dataclass(frozen=True)
class TextOptions:
    """How a text is to be read. Raises ValueError, in a sentence, for what is not allowed."""

    markup: Literal["plain", "ssml"] = "plain"
    """How it is written."""
    rate: float = 1.0
    """How fast, from 0.25 to 4, where 1 is as the voice learned it."""
    pitch: float = 1.0
    """A factor of the fundamental frequency, from 0.5 to 2."""
    pronunciations: Mapping[str, str] = field(default_factory=dict)
    """Words that are spoken in another way, each with its phonemes or with other words."""

    def __post_init__(self) -> None:
        require(self, "markup", self.markup in MARKUPS, " or ".join(MARKUPS))
        for name, (low, high) in (("rate", RATES), ("pitch", PITCHES)):
            value = real(name, getattr(self, name))
            require(self, name, low <= value <= high, f"a number from {low:g} to {high:g}")
        given = self.pronunciations
        texts = isinstance(given, Mapping) and all(
            isinstance(word, str) and isinstance(said, str) for word, said in given.items()
        )
        require(self, "pronunciations", texts, "texts by words")
        if len(given) > _MOST_WORDS:
            raise ValueError(f"pronunciations has {len(given)} words; it must have at most {_MOST_WORDS}")
