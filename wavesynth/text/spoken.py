"""Words as they are spoken, before anybody looks up how they sound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

__all__ = ["PAUSE", "Spoken", "letters", "plain_text", "words"]


class Spoken(NamedTuple):
    """A spoken word; the letters of a spelled one, which are said together; phonemes; or a short pause."""

    text: str
    how: Literal["word", "letters", "phonemes", "pause"] = "word"


PAUSE = Spoken(",", "pause")


def words(text: str | Iterable[str]) -> list[Spoken]:
    """The words of a text, or of a list of words."""
    return [Spoken(word) for word in (text.split() if isinstance(text, str) else text)]


def letters(text: str) -> list[Spoken]:
    """Letters that are said one by one, as one word."""
    return [Spoken(text.upper(), "letters")]


def plain_text(spoken: Iterable[Spoken]) -> str:
    """What is said, to read: letters have spaces between them, a pause is a comma.

    >>> plain_text([*words("five"), *letters("pm"), PAUSE, *words("sharp")])
    'five P M, sharp'
    """
    return " ".join(map(_shown, spoken)).replace(" ,", ",")


def _shown(spoken: Spoken) -> str:
    if spoken.how != "letters":
        return spoken.text
    plural = spoken.text.removesuffix("s")
    return " ".join(plural) + ("'s" if plural != spoken.text else "")
