"""Numbers in words, as American English says them.

`inflect` (MIT, with four packages that it needs) and `num2words` (LGPL) do the first half of this. Years, digits,
decades and decimals as they are read aloud would be ours anyway.
"""

from __future__ import annotations

import re

from wavesynth.text.word_lists import word_list

__all__ = ["cardinal", "decade", "decimal", "digits", "ordinal", "roman", "year"]

_ONES = word_list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = word_list("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
_SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion", "sextillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
#: Longer numbers are read digit by digit.
MAX_DIGITS = 3 * len(_SCALES)


def _below_thousand(number: int) -> list[str]:
    words = [] if number < 100 else [_ONES[number // 100], "hundred"]
    rest = number % 100
    if rest >= 20:
        words.append(_TENS[rest // 10])
        rest %= 10
    return [*words, _ONES[rest]] if rest else words


def cardinal(number: int) -> list[str]:
    """The words of a whole number; its digits, if it has more than 24.

    >>> " ".join(cardinal(-1_250_017))
    'minus one million two hundred fifty thousand seventeen'
    """
    if number < 0:
        return ["minus", *cardinal(-number)]
    if number == 0:
        return ["zero"]
    if number >= 10**MAX_DIGITS:
        return digits(f"{number:d}")
    words: list[str] = []
    for scale in reversed(range(len(_SCALES))):
        group = number // 1000**scale % 1000
        if group:
            words += [*_below_thousand(group), *([_SCALES[scale]] if scale else [])]
    return words


def ordinal(number: int) -> list[str]:
    """The words of a number that counts a place.

    >>> " ".join(ordinal(121))
    'one hundred twenty first'
    """
    *words, last = cardinal(number)
    regular = last.removesuffix("y") + "ieth" if last.endswith("y") else last + "th"
    return [*words, _ORDINALS.get(last, regular)]


def digits(text: str) -> list[str]:
    """Each digit by its name."""
    return [_ONES[int(digit)] for digit in text if digit.isdecimal()]


def decimal(text: str) -> list[str]:
    """The words of a number as it is written: with a sign, with commas between thousands, with a decimal point.

    A whole number that begins with 0, or is very long, is read digit by digit.

    >>> " ".join(decimal("-1,024.50"))
    'minus one thousand twenty four point five zero'
    """
    words = []
    if text[:1] in ("-", "−", "+"):
        words.append("plus" if text[0] == "+" else "minus")
        text = text[1:]
    whole, point, rest = text.replace(",", "").partition(".")
    if len(whole) > MAX_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        words += digits(whole)
    elif whole:
        words += cardinal(int(whole))
    return [*words, "point", *digits(rest)] if point and rest else words


def year(number: int) -> list[str]:
    """The words of a year.

    >>> [" ".join(year(y)) for y in (1066, 1905, 1900, 2000, 2007, 2026)]
    ['ten sixty six', 'nineteen oh five', 'nineteen hundred', 'two thousand', 'two thousand seven', 'twenty twenty six']
    """
    century, rest = divmod(number, 100)
    if not 1000 <= number < 10_000 or number % 1000 < 10:
        return cardinal(number)
    if rest == 0:
        return [*cardinal(century), "hundred"]
    return [*cardinal(century), *(["oh"] if rest < 10 else []), *cardinal(rest)]


def decade(number: int) -> list[str]:
    """The words of ten years: of 1990 "nineteen nineties", of 90 "nineties".

    >>> " ".join(decade(1990))
    'nineteen nineties'
    """
    *words, last = year(number) if number >= 1000 else cardinal(number)
    return [*words, last.removesuffix("y") + "ies" if last.endswith("y") else last + "s"]


_ROMAN = re.compile(r"M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman(text: str) -> int | None:
    """The value of a Roman numeral in capitals; None for what is none.

    >>> roman("XIV"), roman("IIII")
    (14, None)
    """
    if not text or not _ROMAN.fullmatch(text):
        return None
    values = [_ROMAN_VALUES[letter] for letter in text]
    return sum(-v if v < max(values[i:]) else v for i, v in enumerate(values))
