"""The texts that are read aloud, and when two of them say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wavesynth.evaluation.words import words
from wavesynth.files import read_text
from wavesynth.text.spoken_form import spoken_form

__all__ = ["TEXTS", "Sentence", "shipped_texts", "spoken_words"]

#: The texts that ship, and what they are.
TEXTS = {
    "harvard": "twenty Harvard sentences",
    "everyday": "ten everyday sentences",
    "news": "a page of news with numbers",
}
_FOLDER = Path(__file__).parent / "texts"


@dataclass(frozen=True)
class Sentence:
    """A text that is read at once."""

    text: str
    clip: str = ""
    """The recording of the test split that says it, if one does."""


def shipped_texts(without: Sequence[str] = ()) -> Mapping[str, tuple[Sentence, ...]]:
    """The texts that ship, by their names in TEXTS."""
    return {
        name: tuple(
            Sentence(line)
            for line in read_text(_FOLDER / f"{name}.txt").splitlines()
            if line and not line.startswith("#")
        )
        for name in TEXTS
        if name not in without
    }


def spoken_words(text: str) -> list[str]:
    """The words that a text is read as, to be compared with what a recogniser writes of them, numbers spelled out.

    >>> spoken_words("It rose 2.5% to $48.10.")
    ['it', 'rose', 'two', 'point', 'five', 'percent', 'to', 'forty', 'eight', 'dollars', 'and', 'ten', 'cents']
    """
    try:
        return words(spoken_form(text))
    except ValueError:  # there is nothing to say in it
        return words(text)
