"""Amounts: money, measures, percentages, fractions, ranges, ordinals, plain numbers."""

from __future__ import annotations

import re

from wavesynth.text.context import Context
from wavesynth.text.numbers import cardinal, decimal, digits, ordinal, roman
from wavesynth.text.spoken import Spoken, words
from wavesynth.text.units import CODES, CURRENCIES, SCALES, SINGULAR_AFTER, SUFFIX_SCALES, unit
from wavesynth.text.word_lists import word_set

__all__ = [
    "dimension",
    "fraction",
    "measure",
    "money",
    "number",
    "of_scale",
    "place",
    "roman_numeral",
    "span",
    "unit_apart",
]

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+)"
_SIGNED = rf"[-−+]?{_NUMBER}"
_MONEY = re.compile(
    rf"([-−]?)(?:US|U\.S\.|CA|A)?([{''.join(CURRENCIES)}])({_NUMBER})([A-Za-z]{{1,2}})?(?:/([A-Za-z]+))?"
)
_MONEY_SPAN = re.compile(rf"([{''.join(CURRENCIES)}])({_NUMBER})[-–]\1?({_NUMBER})([A-Za-z]{{1,2}})?")
_MONEY_AFTER = re.compile(rf"({_NUMBER})([{''.join(CURRENCIES)}])")
_MEASURE = re.compile(rf"({_SIGNED})([^\d\s.,/-][^\d\s]*[²³23]?)")
_VULGAR = dict(zip("½⅓⅔¼¾⅛⅜⅝⅞", ("1/2", "1/3", "2/3", "1/4", "3/4", "1/8", "3/8", "5/8", "7/8"), strict=True))
_FRACTION = re.compile(r"(\d+)/(\d+)")
_MIXED = re.compile(rf"(\d*)([{''.join(_VULGAR)}])")
_SPAN = re.compile(rf"({_NUMBER})[-–]({_NUMBER})(\D*)")
_DIMENSION = re.compile(rf"({_NUMBER})((?:[xX×]{_NUMBER})+)(\D*)")
_ORDINAL = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(st|nd|rd|th)s?", re.IGNORECASE)
_KINGS = word_set(
    "louis henry edward george elizabeth charles james william richard john pius paul benedict philip "
    "nicholas alexander catherine frederick francis ferdinand alfonso napoleon gregory leo clement "
    "innocent urban mary peter ivan wilhelm friedrich ramses ptolemy super"
)
_NUMBERED = word_set(
    "chapter part act scene volume book section war type phase stage level class grade title article "
    "appendix vol super bowl rocky final fantasy mark world titan apollo saturn gemini windows"
)


def _amount(text: str, many: str, one: str) -> list[str]:
    return [*decimal(text), one if text in ("1", "1.0") else many]


def money(text: str, context: Context) -> list[Spoken] | None:
    """$47.25, £3, €1.5M, $3 million, 5€, $20/month, $5-10."""
    if (match := _MONEY_SPAN.fullmatch(text)) and (not match[4] or match[4] in SUFFIX_SCALES):
        last = [*decimal(match[3]), *([SUFFIX_SCALES[match[4]]] if match[4] else [])]
        return words([*decimal(match[2]), "to", *last, CURRENCIES[match[1]][1]])
    match = _MONEY.fullmatch(text)
    if not match:
        match = _MONEY_AFTER.fullmatch(text)
        return words(_coins(match[1], match[2])) if match else None
    sign, symbol, amount, scale, per = match.groups()
    minus = ["minus"] if sign else []
    many = CURRENCIES[symbol][0 if context.next in SINGULAR_AFTER else 1]
    if scale:
        if scale not in SUFFIX_SCALES:
            return None
        said = [*decimal(amount), SUFFIX_SCALES[scale], many]
    elif context.next in SCALES:
        return words([*minus, *decimal(amount)])
    elif context.next in SINGULAR_AFTER:
        said = [*decimal(amount), many]
    else:
        said = _coins(amount, symbol)
    return words([*minus, *said, *(["per", per] if per else [])])


def _coins(amount: str, symbol: str) -> list[str]:
    one, many, hundredth, hundredths = CURRENCIES[symbol]
    whole, _, rest = amount.replace(",", "").partition(".")
    if rest and len(rest) != 2:
        return [*decimal(amount), many]
    said = [] if int(rest or 0) and not int(whole or 0) else _amount(whole or "0", many, one)
    if int(rest or 0):
        said += ["and"] if said else []
        said += [*cardinal(int(rest)), hundredth if rest == "01" else hundredths]
    return said


def of_scale(text: str, context: Context) -> list[Spoken] | None:
    """The million of "$3 million", which has the dollars."""
    match = _MONEY.fullmatch(context.at(-1))
    if text.lower() not in SCALES or not match or match[4]:
        return None
    return words([text.lower(), CURRENCIES[match[2]][0 if context.next in SINGULAR_AFTER else 1]])


def measure(text: str, context: Context) -> list[Spoken] | None:
    """50%, -5°C, 16kHz, 10km/h, 5ft, 25¢, 12.5M."""
    match = _MEASURE.fullmatch(text)
    if match and match[2] in ("M", "mn", "bn", "tn"):
        return words([*decimal(match[1]), SUFFIX_SCALES[match[2]]])
    said = unit(match[2], match[1] not in ("1", "-1")) if match else None
    return None if match is None or said is None else words([*decimal(match[1]), *said.split()])


def unit_apart(text: str, context: Context) -> list[Spoken] | None:
    """The unit of "5 kg"; "5 in" only with a full stop, because "in" is a word."""
    before = context.at(-1)
    if not re.fullmatch(rf"{_SIGNED}|{_NUMBER}[-–]{_NUMBER}|\d+/\d+|\d*[{''.join(_VULGAR)}]", before):
        return None
    if text in CODES:
        return words(CODES[text])
    if text == "in" and not context.piece.period:
        return None
    part = before in _VULGAR or (_FRACTION.fullmatch(before) and not context.at(-2)[-1:].isdigit())
    said = unit(text, not (part or before in ("1", "-1")))
    return words(said) if said else None


def fraction(text: str, context: Context) -> list[Spoken] | None:
    """1/2, 3/4, ½, 2½; the half of "3 1/2"."""
    whole = ""
    if match := _MIXED.fullmatch(text):
        whole, text = match[1], _VULGAR[match[2]]
    match = _FRACTION.fullmatch(text)
    if not match:
        return None
    top, bottom = int(match[1]), int(match[2])
    if text in ("24/7", "9/11", "50/50"):
        return words([*cardinal(top), *cardinal(bottom)])
    if not 0 < top < bottom <= 100:
        return words([*decimal(match[1]), "over", *decimal(match[2])])
    part = {2: ["half"], 4: ["quarter"]}.get(bottom) or ordinal(bottom)
    if top > 1:
        part = [*part[:-1], "halves" if part[-1] == "half" else part[-1] + "s"]
    mixed = whole or (context.at(-1) if re.fullmatch(r"\d+", context.at(-1)) else "")
    said = [*(["a"] if mixed and top == 1 else cardinal(top)), *part]
    return words([*decimal(whole), "and", *said] if whole else said)


def place(text: str, context: Context) -> list[Spoken] | None:
    """1st, 22nd, 1,000th."""
    match = _ORDINAL.fullmatch(text)
    return words(ordinal(int(match[1].replace(",", "")))) if match and len(match[1]) < 25 else None


def span(text: str, context: Context) -> list[Spoken] | None:
    """10-20, 5–10%, 9-5; scores too."""
    match = _SPAN.fullmatch(text)
    if not match or max(len(match[1]), len(match[2])) > 12:
        return None
    first, last, rest = match.groups()
    measured = unit(rest, True) if rest else ""
    if measured is None:
        return None
    return words([*decimal(first), "to", *decimal(last), *measured.split()])


def dimension(text: str, context: Context) -> list[Spoken] | None:
    """1920x1080, 4×4; 5'3; the ratio 2:1, the minutes of 38:24."""
    if match := re.fullmatch(r"(\d)['’′](\d\d?)", text):
        return words([*cardinal(int(match[1])), "foot", *cardinal(int(match[2]))])
    if match := re.fullmatch(r"(\d{1,9}):(\d{1,9})", text):
        timed = len(match[2]) == 2 and match[2] < "60"  # minutes and seconds
        return words([*decimal(match[1]), *([] if timed else ["to"]), *decimal(match[2])])
    match = _DIMENSION.fullmatch(text)
    measured = unit(match[3], True) if match and match[3] else ""
    if not match or measured is None:
        return None
    said = decimal(match[1])
    for other in re.split("[xX×]", match[2])[1:]:
        said += ["by", *decimal(other)]
    return words([*said, *measured.split()])


def number(text: str, context: Context) -> list[Spoken] | None:
    """1,234, -5, 3.14, 007; the 3 of "3 1/2" with its "and"."""
    if re.fullmatch(r"(911|411|311|811|988)", text) and context.next not in SCALES:
        return words(digits(text))
    if not re.fullmatch(_SIGNED, text):
        return None
    match = _FRACTION.fullmatch(context.at(1)) if text.isdigit() and not context.piece.mark else None
    mixed = bool(match and 0 < int(match[1]) < int(match[2]) <= 100)
    return words([*decimal(text), *(["and"] if mixed else [])])


def roman_numeral(text: str, context: Context) -> list[Spoken] | None:
    """The XIV of Louis XIV, an ordinal; the II of World War II; I, V and X only after words that are numbered."""
    value = roman(text)
    if value is None or not context.at(-1)[:1].isupper():
        return None
    before = context.previous
    if before in _KINGS and before != "super" and text != "I":
        return words(["the", *ordinal(value)])
    if before in _NUMBERED and (len(text) > 1 or text in "IVX"):
        return words(cardinal(value))
    if value < 50 and (len(text) > 1 and set(text) <= set("IVX")):
        return words(cardinal(value))
    return words("the first") if before in _KINGS and text == "I" and context.at(1)[:1].islower() else None
