"""What SSML's `say-as` and `phoneme` say of a text."""

from __future__ import annotations

import re
from collections.abc import Callable

from wavesynth.checks import brief
from wavesynth.text.codes import spell
from wavesynth.text.context import Context
from wavesynth.text.dates import clock, date
from wavesynth.text.elements import Piece
from wavesynth.text.numbers import MAX_DIGITS, decimal, digits, ordinal, roman
from wavesynth.text.spoken import PAUSE, Spoken, words

__all__ = ["KINDS", "say_as"]


def _cardinal(text: str) -> list[Spoken] | None:
    value = roman(text)
    if value:
        return words(decimal(str(value)))
    return words(decimal(text)) if re.fullmatch(r"[-−+]?[\d,]*\d(\.\d+)?", text) else None


def _ordinal(text: str) -> list[Spoken] | None:
    bare = re.sub(r"(st|nd|rd|th)$", "", text.replace(",", ""), flags=re.IGNORECASE)
    value = roman(bare) or (int(bare) if bare.isdecimal() and len(bare) <= MAX_DIGITS else None)
    return None if value is None else words(ordinal(value))


def _digits(text: str) -> list[Spoken] | None:
    groups = re.findall(r"\d+", text)
    if not groups or re.search(r"[^\W\d_]", text):
        return None
    said = words("plus" if text.lstrip()[:1] == "+" else "")
    for i, group in enumerate(groups):
        said += [*([PAUSE] if i else []), *words(digits(group))]
    return said


def _characters(text: str) -> list[Spoken] | None:
    said = spell(text)
    return said or None


def _alone(text: str) -> Context:
    return Context((Piece(text, 0, len(text)),), 0)


def _date(text: str) -> list[Spoken] | None:
    return date(text, _alone(text))


def _in_order(text: str, order: str) -> str:
    """A date in the `format` mdy, dmy or ymd as year, month and day, joined by hyphens; other texts as they are."""
    numbers = re.fullmatch(r"(\d{1,4})\D+(\d\d?)\D+(\d{1,4})", text)
    if not order or not numbers:
        return text
    by_name = dict(zip(order, numbers.groups(), strict=True))
    year = by_name["y"] if len(by_name["y"]) > 2 else f"20{by_name['y']:0>2}"
    return f"{year}-{by_name['m']:0>2}-{by_name['d']:0>2}"


def _time(text: str) -> list[Spoken] | None:
    return clock(text, _alone(text))


_DIGITS_ALLOWED = "digits, with spaces or hyphens between groups"
_SAYS: dict[str, tuple[Callable[[str], list[Spoken] | None], str]] = {
    "characters": (_characters, "characters that have a name"),
    "spell-out": (_characters, "characters that have a name"),
    "cardinal": (_cardinal, "a number, such as 1,234 or XIV"),
    "number": (_cardinal, "a number, such as 1,234 or XIV"),
    "ordinal": (_ordinal, "a whole number, such as 21 or XIV"),
    "digits": (_digits, _DIGITS_ALLOWED),
    "telephone": (_digits, _DIGITS_ALLOWED),
    "date": (_date, "a date, such as 2026-11-30, 11/30/2026 or 30.11.2026"),
    "time": (_time, "a time, such as 3:30, 15:00 or 3:30pm"),
}
#: The values of `interpret-as`.
KINDS = tuple(_SAYS)


def say_as(piece: Piece) -> list[Spoken]:
    """The spoken words of what markup says how to say. Raises ValueError if its text is nothing of that kind."""
    if piece.how == "phoneme":
        return [Spoken(piece.said, "phonemes")]
    say, allowed = _SAYS[piece.how]
    said = say(_in_order(piece.text.strip(), piece.said))
    if said is None:
        raise ValueError(
            f'<say-as interpret-as="{piece.how}"> at character {piece.begin} is about {brief(piece.text)}; '
            f"it must be {allowed}"
        )
    return said
