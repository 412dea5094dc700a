"""Which characters can be said, which are left out, and which are refused."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from wavesynth.text.word_lists import word_list

__all__ = ["GREEK", "SYMBOLS", "check_characters", "fold", "is_ignorable", "plain"]

#: Signs that normalisation can say, besides punctuation.
SYMBOLS = frozenset("&%+#@=<>|^~`°©®™§×÷±√∞≈≠≤≥¢$£€¥₹½⅓⅔¼¾⅛⅜⅝⅞²³′″µ†•№→←–—")
GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψω",
        word_list(
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau "
            "upsilon phi chi psi omega"
        ),
        strict=True,
    )
)
_UNUSUAL = re.compile(r"[^\t\n\r\x0b\x0c\x20-\x7e\xa0-\xff‘’“”…–—\u2028\u2029]")


@lru_cache(4096)
def _refused(char: str) -> str | None:
    """Why a character cannot be said; None if it can, or is left out."""
    category = unicodedata.category(char)
    if category in ("Cc", "Cs"):
        return "a control character, which text must not have"
    if category[0] == "L" and category != "Lm":
        latin = unicodedata.name(char, "").startswith(("LATIN", "FULLWIDTH LATIN", "FEMININE", "MASCULINE"))
        if not latin and char.lower() not in GREEK and char not in SYMBOLS and not plain(char):
            return "not a Latin letter, and text in en-US must be written in those"
    return None


def check_characters(text: str, begin: int) -> None:
    """ValueError for the first character that cannot be said; `begin` is the place of the text in the whole input."""
    for match in _UNUSUAL.finditer(text):
        why = _refused(match[0])
        if why:
            raise ValueError(
                f"text has {match[0]!r} (U+{ord(match[0]):04X}) at character {begin + match.start()}: it is {why}"
            )


@lru_cache(4096)
def is_ignorable(char: str) -> bool:
    """Whether a character separates words like a space does: emoji and other pictures."""
    category = unicodedata.category(char)
    return category in ("So", "Sk", "Sm", "Sc", "Cn", "Co") and char not in SYMBOLS and not plain(char)


@lru_cache(4096)
def plain(char: str) -> str:
    """The ASCII letters and digits that a character of another form stands for, such as a full-width letter or "ﬁ"."""
    other = unicodedata.normalize("NFKC", char)
    return other if other != char and other.isascii() and other.isalnum() and char not in SYMBOLS else ""


@lru_cache(4096)
def fold(text: str) -> str:
    """With accents taken off and typographic apostrophes made plain: "café" is "cafe"."""
    text = text.replace("’", "'").replace("‘", "'").replace("ʼ", "'")
    if text.isascii():
        return text
    special = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "ð": "th", "þ": "th", "ı": "i"}
    text = "".join(special.get(c) or special.get(c.lower(), "").capitalize() or c for c in text)
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
