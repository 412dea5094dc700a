"""Dates, years and times of day, as American English says them."""

from __future__ import annotations

import re

from wavesynth.text.abbreviations import MONTHS
from wavesynth.text.context import Context
from wavesynth.text.numbers import cardinal, decade, ordinal, year
from wavesynth.text.spoken import Spoken, letters, words
from wavesynth.text.units import SCALES, unit
from wavesynth.text.word_lists import word_set

__all__ = ["clock", "date", "day", "years"]

_NAMES = list(dict.fromkeys(MONTHS.values()))
_MONTH_WORDS = frozenset({*MONTHS, *(name.lower() for name in _NAMES)})
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_AMERICAN = re.compile(r"(\d\d?)[/-](\d\d?)[/-](\d{4}|\d\d)")
_DOTTED = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})")
_MONTH_DAY = re.compile(r"(\d\d?)/(\d\d?)")
_DATE_BEFORE = word_set("on by until before after since from dated due through")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d)(?::(\d\d))?)?\s?(a\.?m\.?|p\.?m\.?)?", re.IGNORECASE)
_HALF_OF_DAY = frozenset(("am", "pm", "a.m", "p.m", "a.m.", "p.m."))
_DECADE = re.compile(r"['‘’]?(\d\d|\d{4})['’]?s")
_SPAN = re.compile(r"(\d{4})[-–](\d{4}|\d\d)")
_NO_YEAR_AFTER = word_set("people men women times words euros dollars pounds percent degrees points")


_YEAR_BEFORE = word_set("in since of from until by year to around circa before after during")


def _full(number: int, month: int, day_of_month: int) -> list[Spoken] | None:
    if not (1 <= month <= 12 and 1 <= day_of_month <= 31):
        return None
    return words([_NAMES[month - 1], *ordinal(day_of_month), *year(number)])


def date(text: str, context: Context) -> list[Spoken] | None:
    """2026-11-30, 11/30/2026, 30.11.2026; 7/4 after a word such as "on"."""
    if match := _ISO.fullmatch(text):
        return _full(*(int(g) for g in match.groups()))
    if match := _AMERICAN.fullmatch(text):
        month, day_of_month, number = (int(g) for g in match.groups())
        if len(match[3]) == 2:
            number += 2000 if number < 70 else 1900
        return _full(number, month, day_of_month) or _full(number, day_of_month, month)
    if match := _DOTTED.fullmatch(text):
        day_of_month, month, number = (int(g) for g in match.groups())
        return _full(number, month, day_of_month)
    if (match := _MONTH_DAY.fullmatch(text)) and context.previous in _DATE_BEFORE:
        month, day_of_month = int(match[1]), int(match[2])
        if 1 <= month <= 12 and 1 <= day_of_month <= 31:
            return words([_NAMES[month - 1], *ordinal(day_of_month)])
    return None


def day(text: str, context: Context) -> list[Spoken] | None:
    """The day beside its month: "July 4" has a fourth, and so has "4 July"."""
    if not re.fullmatch(r"\d\d?", text) or not 1 <= int(text) <= 31:
        return None
    if context.previous.rstrip(".") in _MONTH_WORDS and context.at(-1)[:1].isupper():
        return words(ordinal(int(text)))
    if context.next.rstrip(".") in _MONTH_WORDS and context.at(1)[:1].isupper():
        the = [] if context.previous == "the" else ["the"]
        return words([*the, *ordinal(int(text)), "of"])
    return None


def years(text: str, context: Context) -> list[Spoken] | None:
    """1999, 1914–1918, the 1990s, '90s."""
    if match := _DECADE.fullmatch(text):
        number = int(match[1])
        return words(decade(number)) if number % 10 == 0 and number else None
    if match := _SPAN.fullmatch(text):
        first, last = int(match[1]), int(match[2])
        if 1000 <= first < 2100 and (len(match[2]) == 2 or first < last < 2200):
            return words([*year(first), "to", *(year(last) if last > 999 else cardinal(last))])
        return None
    if not re.fullmatch(r"1[1-9]\d\d|20\d\d", text) and not (
        re.fullmatch(r"10\d\d", text) and context.previous in _YEAR_BEFORE
    ):
        return None
    following = context.next
    counted = following in SCALES | _NO_YEAR_AFTER or unit(context.at(1), True) is not None
    return None if counted and following not in ("in", "min") else words(year(int(text)))


def clock(text: str, context: Context) -> list[Spoken] | None:
    """3:30, 15:00, 10am, 10:05:30, 9:00-5:30; the hour of "10 a.m."."""
    first, dash, last = text.replace("–", "-").partition("-")
    if dash:
        spoken = [_clock(time, context, True) for time in (first, last)] if re.search("[:APap]", text) else []
        return [*spoken[0], *words("to"), *spoken[1]] if spoken and spoken[0] and spoken[1] else None
    return _clock(text, context, False)


def _clock(text: str, context: Context, of_span: bool) -> list[Spoken] | None:
    match = _CLOCK.fullmatch(text)
    if not match or not (match[2] or match[4] or of_span):
        return None
    hour, minute, half = int(match[1]), match[2], match[4]
    if hour > 24 or int(minute or 0) > 59 or int(match[3] or 0) > 59:
        return None
    said = words(cardinal(hour))
    if minute and minute != "00":
        said += words(["oh", *cardinal(int(minute))] if minute[0] == "0" else cardinal(int(minute)))
    elif minute and not half and not of_span and context.next not in _HALF_OF_DAY and not match[3]:
        said += words("o'clock" if 1 <= hour <= 12 else "hundred")
    if match[3]:
        said += words(["and", *cardinal(int(match[3])), "second" if match[3] == "01" else "seconds"])
    return said + (letters(half.replace(".", "")) if half else [])
