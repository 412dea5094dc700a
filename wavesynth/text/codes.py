"""What is read by its characters: telephone numbers, versions, web and mail addresses."""

from __future__ import annotations

import re

from wavesynth.text.context import Context
from wavesynth.text.lexicon import entry
from wavesynth.text.numbers import cardinal, digits
from wavesynth.text.spoken import PAUSE, Spoken, letters, words
from wavesynth.text.word_lists import word_set

__all__ = ["address", "spell", "telephone", "version"]

_PHONE = re.compile(
    r"(\+?\d{1,3}[-. ])?(?:\d{3}[-. ])?(\d{3}|[A-Z]{3})[-. ](\d{4}|[A-Z]{4})|\d{3}-\d{2}-\d{4}"
)
_TOLL_FREE = re.compile(r"1-8\d\d-[A-Z0-9-]{4,12}")
_LOCAL = re.compile(r"\d{3}[-.]\d{4}")
_DIALLED = word_set("call dial phone text fax tel telephone extension ext code pin zip room")
_ADDRESS = re.compile(
    r"(?:[a-z]+://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?:[\w-]+\.)+(?:com|org|net|io|gov|edu|ai|dev|co|uk|de|fr|info|app|tv|ly)(?:/\S*)?",
    re.IGNORECASE,
)
_SIGNS = {
    ".": "dot",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    "@": "at",
    ":": "colon",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "~": "tilde",
    "%": "percent",
    "+": "plus",
    "\\": "backslash",
    "*": "star",
    "$": "dollar",
    "€": "euro",
    "£": "pound",
    "!": "exclamation mark",
    ",": "comma",
    ";": "semicolon",
    "'": "apostrophe",
    '"': "quote",
    "(": "open bracket",
    ")": "close bracket",
    "<": "less than",
    ">": "greater than",
    "|": "bar",
    "^": "caret",
}


def spell(text: str) -> list[Spoken]:
    """Each character by its name; those that have none are left out."""
    said: list[Spoken] = []
    for char in text:
        if char.isdecimal():
            said += words(digits(char))
        elif char.isalpha():
            said += letters(char)
        else:
            said += words(_SIGNS.get(char, ""))
    return said


def telephone(text: str, context: Context) -> list[Spoken] | None:
    """555-0142, (555) 555-0142, +44 20 7946 0958, 1-800-FLOWERS, and the digits after "dial"."""
    if _PHONE.fullmatch(text) or _TOLL_FREE.fullmatch(text):
        return _groups(text)
    if re.fullmatch(r"\d{3}|1", text) and (
        _LOCAL.fullmatch(context.at(1)) or (text == "1" and _LOCAL.fullmatch(context.at(2)))
    ):
        return [*words(digits(text)), PAUSE]
    if re.fullmatch(r"\+\d{1,3}", text) and context.at(1).isdigit():
        return _groups(text)
    if text.isdigit() and (_continues(context) or (context.previous in _DIALLED and len(text) > 2)):
        return [*words(digits(text)), *([PAUSE] if context.at(1).isdigit() else [])]
    return None


def _continues(context: Context) -> bool:
    """Whether groups of digits before this one go back to a +."""
    offset = -1
    while context.at(offset).isdigit():
        offset -= 1
    return bool(re.fullmatch(r"\+\d{1,3}", context.at(offset)))


def _groups(text: str) -> list[Spoken]:
    said: list[Spoken] = words("plus") if text[0] == "+" else []
    for i, group in enumerate(re.findall(r"[A-Z]+|\d+", text)):
        if group in ("800", "900"):
            group_said = words([*cardinal(int(group[0])), "hundred"])
        elif group.isdigit():
            group_said = words(digits(group))
        else:
            group_said = words(group.lower()) if entry(group.lower()) else letters(group)
        said += [*([PAUSE] if i else []), *group_said]
    return said


def version(text: str, context: Context) -> list[Spoken] | None:
    """2.0.1 has points, 192.168.0.1 and v1.2 dots or points between numbers."""
    match = re.fullmatch(r"([vV]?)(\d+(?:\.\d+){1,5})", text)
    if not match or not (match[1] or match[2].count(".") > 1):
        return None
    between = "dot" if match[2].count(".") == 3 else "point"
    said = words("version" if match[1] else "")
    for i, group in enumerate(match[2].split(".")):
        said += [
            *words(between if i else ""),
            *words(digits(group) if between == "dot" else cardinal(int(group))),
        ]
    return said


def address(text: str, context: Context) -> list[Spoken] | None:
    """example.com/a, https://…, me@example.org: the scheme and a last slash are not said."""
    if not _ADDRESS.fullmatch(text):
        return None
    said: list[Spoken] = []
    for part in re.findall(
        r"[^\W\d_]+|\d+|.", re.sub(r"^[a-z]+://", "", text.rstrip("/"), flags=re.IGNORECASE)
    ):
        if part.isdecimal():
            said += words(digits(part) if len(part) > 2 or part[0] == "0" else cardinal(int(part)))
        elif not part.isalpha():
            said += words(_SIGNS.get(part, ""))
        elif len(part) < 3 or not re.search("[aeiouy]", part.lower()):
            said += letters(part)
        else:
            said += words(part.lower())
    return said
