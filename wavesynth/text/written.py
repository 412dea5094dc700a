"""Written words that are no numbers: abbreviations, acronyms, compounds, names of files, signs."""

from __future__ import annotations

import re

from wavesynth.text.abbreviations import (
    ALWAYS,
    EXPANSIONS,
    NUMBERED,
    UNIT_ABBREVIATIONS,
    is_abbreviation,
    is_street,
)
from wavesynth.text.characters import GREEK, fold, plain
from wavesynth.text.context import Context
from wavesynth.text.elements import Piece
from wavesynth.text.lexicon import entry
from wavesynth.text.numbers import decade, decimal, digits, ordinal, year
from wavesynth.text.quantities import fraction, money
from wavesynth.text.spoken import Spoken, letters, words
from wavesynth.text.units import CURRENCIES
from wavesynth.text.word_lists import word_set

__all__ = ["abbreviation", "compound", "known", "sign"]

_SIGNS = {
    "&": "and",
    "%": "percent",
    "+": "plus",
    "@": "at",
    "=": "equals",
    "<": "less than",
    ">": "greater than",
    "/": "slash",
    "\\": "backslash",
    "©": "copyright",
    "®": "registered",
    "™": "trademark",
    "§": "section",
    "°": "degrees",
    "×": "times",
    "÷": "divided by",
    "±": "plus or minus",
    "√": "square root of",
    "∞": "infinity",
    "≈": "approximately",
    "≠": "is not equal to",
    "≤": "at most",
    "≥": "at least",
    "¢": "cents",
    "$": "dollars",
    "£": "pounds",
    "€": "euros",
    "¥": "yen",
    "₹": "rupees",
    "№": "number",
    "→": "to",
    "^": "to the power of",
    "²": "squared",
    "³": "cubed",
    "µ": "micro",
}
#: Words in capitals that are spelled although the small letters are a word.
_SPELLED = word_set(
    "US IT UK UN EU AI PR HR TV PC ID OK PM AM IQ IPA ATM CEO CFO CTO DNA PDF URL USB GPS LAX ET CT PT EST EDT CST CDT "
    "MST PST PDT GMT UTC"
)
_SPOKEN_SHORT = {
    "phd": "P H D",
    "ph.d": "P H D",
    "ok": "okay",
    "aka": "A K A",
    "w/": "with",
    "w/o": "without",
    "&c": "et cetera",
    "'n": "and",
}
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z']+|\d+(?:\.\d+)?|[^\w\s']|[^\W\d_]+")


_VULGAR = "½⅓⅔¼¾⅛⅜⅝⅞"
_LETTER = rf"[^\W\d_²³{_VULGAR}]"
#: Letters, ordinals, decades, numbers, money, signs.
_PARTS = re.compile(
    rf"{_LETTER}+(?:['’]{_LETTER}+)*|\d+(?:st|nd|rd|th)\b|\d+0s|\d+(?:[.,]\d+)*"
    rf"|[{''.join(CURRENCIES)}]\d+(?:[.,]\d+)*|[{_VULGAR}]|[^\w\s]|{_LETTER}|[²³]"
)


def abbreviation(text: str, context: Context) -> list[Spoken] | None:
    """Dr. Smith, Main St., e.g., Tue., U.S., 5 ft."""
    low, period = fold(text).lower(), context.piece.period
    if low in _SPOKEN_SHORT:
        return words(_SPOKEN_SHORT[low])
    if low in ALWAYS:
        return words(ALWAYS[low])
    before = context.at(-1)
    if period and low in ("st", "dr"):
        street = is_street(context.at(-2), before, context.at(1), context.index == 1, low == "dr")
        return words({"st": ("saint", "street"), "dr": ("doctor", "drive")}[low][street])
    if low == "dr" and context.at(1)[:1].isupper():
        return words("doctor")
    if low == "st" and text[0] == "S" and context.at(1)[:1].isupper():
        return words("saint")
    if period and low in EXPANSIONS and is_abbreviation(text, before):
        if low in NUMBERED and not context.at(1)[:1].isdigit():
            return None
        if low in UNIT_ABBREVIATIONS and not text[0].isupper():
            return None
        return words(EXPANSIONS[low])
    if re.fullmatch(r"(?:[A-Za-zÀ-ÿ]\.)+[A-Za-zÀ-ÿ]{1,2}", text):
        return words(EXPANSIONS[low]) if low in EXPANSIONS else letters(text.replace(".", ""))
    return None


def sign(text: str, context: Context) -> list[Spoken] | None:
    """&, %, +, #5, C++, C#, ~5, π, 3×4."""
    if text in _SIGNS:
        return words(_SIGNS[text])
    if text.lower() in GREEK:
        return words(GREEK[text.lower()])
    if not any(c.isalnum() for c in text):
        return words(word for c in text for word in _SIGNS.get(c, "").split())
    if match := re.fullmatch(r"#(\d[\d,]*)", text):
        return words(["number", *decimal(match[1])])
    if match := re.fullmatch(r"#([^\W\d]\w*)", text):
        return [*words("hashtag"), *compound(match[1], context)]
    if match := re.fullmatch(r"@(\w+)", text):
        return [*words("at"), *compound(match[1], context)]
    if match := re.fullmatch(r"([A-Za-z])(\+\+|#)", text):
        return [*letters(match[1]), *words("plus plus" if match[2] == "++" else "sharp")]
    if match := re.fullmatch(r"~([\d,.]+)(\D*)", text):
        return [*words(["about", *decimal(match[1])]), *(compound(match[2], context) if match[2] else [])]
    return None


def known(text: str, context: Context) -> list[Spoken] | None:
    """A word of the lexicon, or one in capitals that is spelled."""
    word = fold(text)
    if len(word) == 1 and word.isalpha() and word not in "aAI":
        return letters(word)
    stem = word.removesuffix("'s").removesuffix("s") if len(word) > 2 else word
    if len(stem) > 1 and stem.isupper() and stem.isalpha():
        tail = word[len(stem) :].replace("'", "")
        said = _capitals(stem, context)
        return [Spoken(said[-1].text + tail, said[-1].how)] if tail in ("", "s") else said
    return words(word) if entry(word) else None


def _capitals(word: str, context: Context) -> list[Spoken]:
    """A word in capitals: spelled, unless the lexicon has it or the whole clause shouts."""
    found = entry(word)
    others = [p.text for i, p in enumerate(context.pieces) if i != context.index and p.text.isalpha()]
    capitals = sum(len(text) > 1 and text.isupper() for text in others)
    shouts = len(others) > 1 and 2 * capitals > len(others)
    if shouts and found:
        return words(word.lower())
    if word in _SPELLED or (found and "NOUN" in found and not found["NOUN"]):
        return letters(word)
    if found and found["DEFAULT"]:
        return words(word)
    return letters(word) if len(word) <= 5 or not re.search("[AEIOUY]", word) else words(word.lower())


def compound(text: str, context: Context) -> list[Spoken]:
    """Whatever is left: taken apart at hyphens, slashes, capitals and digits, until each part is a word or a number."""
    text = "".join(plain(c) or c for c in text)
    text = re.sub(r"\((e?s)\)$", r"\1", text)
    if text.lower() in ("and/or", "he/she", "she/he", "his/her", "him/her", "s/he"):
        return words(
            text.lower().replace("and/or", "and or").replace("s/he", "she or he").replace("/", " or ")
        )
    if re.fullmatch(r"[A-Z]{1,3}&[A-Z]{1,3}", text):  # AT&T
        first, second = text.split("&")
        return [*letters(first), *words("and"), *letters(second)]
    said: list[Spoken] = []
    for part in _PARTS.findall(text):
        if part[0] in CURRENCIES and len(part) > 1:
            said += money(part, Context((Piece(part, 0, 0),), 0)) or []
        elif part in _VULGAR:
            said += fraction(part, Context((Piece(part, 0, 0),), 0)) or []
        elif part[0].isdecimal():
            said += words(_digits(part))
        elif not part[0].isalpha():
            said += words(_SIGNS[part] if part in "²³" else _between(part, text))
        else:
            said += known(part, context) or _humps(fold(part), context)
    return said


def _digits(text: str) -> list[str]:
    """Of digits among other characters: an ordinal, a decade, a year or a number."""
    if text.endswith("0s") and int(text[:-1]):
        return decade(int(text[:-1]))
    if not text[-1].isdecimal():
        return ordinal(int(text.rstrip("stndrh")))
    if re.fullmatch(r"1[1-9]\d\d|20\d\d", text):
        return year(int(text))
    if "," in text and not re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text):
        first, rest = text.split(",", 1)
        return [*decimal(first), "comma", *_digits(rest)]
    long = text.isdigit() and (len(text) > 4 or text[0] == "0")
    return digits(text) if long else decimal(text)


def _between(char: str, text: str) -> str:
    """What a sign between other characters says."""
    if char in "-–'’\"_,;:!?()[]{}~`|•*":
        return "minus" if char in "-–" and re.search(r"\d\s*[-–]\s*\d.*=", text) else ""
    if char == "#":
        return "number"
    return "dot" if char == "." else _SIGNS.get(char, "") or GREEK.get(char.lower(), "")


def _humps(word: str, context: Context) -> list[Spoken]:
    """iPhone, YouTube, PhD: parts by their capitals; a word whose letters are all of one case stays whole."""
    if any(c.lower() in GREEK for c in word):
        return [s for c in word for s in (words(GREEK[c.lower()]) if c.lower() in GREEK else letters(c))]
    if word[1:] == word[1:].lower():
        return words(word) if re.search("[aeiouyAEIOUY]", word) or len(word) == 1 else letters(word)
    said: list[Spoken] = []
    for part in _HUMP.findall(word):
        if not part.strip("'"):
            continue
        said += (known(part, context) if len(part) > 1 else None) or (
            letters(part) if part.isupper() or len(part) == 1 else words(part)
        )
    return said
