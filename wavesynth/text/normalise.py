"""Written words to spoken words: "$5" is "five dollars".

The rules are asked in turn, and the first that is about a word says it. They are our own, because no library that we
measured says what a voice needs to know: which written word each spoken one belongs to. The
figures are in docs/reference/text.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from wavesynth.text.codes import address, telephone, version
from wavesynth.text.context import Context, Rule
from wavesynth.text.dates import clock, date, day, years
from wavesynth.text.elements import Piece
from wavesynth.text.quantities import (
    dimension,
    fraction,
    measure,
    money,
    number,
    of_scale,
    place,
    roman_numeral,
    span,
    unit_apart,
)
from wavesynth.text.say_as import say_as
from wavesynth.text.spoken import Spoken
from wavesynth.text.written import abbreviation, compound, known, sign

__all__ = ["normalise"]

_RULES: tuple[Rule, ...] = (
    address,
    telephone,
    date,
    day,
    clock,
    years,
    money,
    of_scale,
    unit_apart,
    fraction,
    place,
    dimension,
    span,
    measure,
    version,
    number,
    roman_numeral,
    abbreviation,
    sign,
    known,
)

#: Those that are about a word of letters after another, which most words are.
_OF_PLAIN_WORDS: tuple[Rule, ...] = (abbreviation, known)


def normalise(pieces: Sequence[Piece]) -> list[list[Spoken]]:
    """The spoken words of each written one. Raises ValueError for markup that its text does not fit."""
    return [_say(Context(pieces, i)) for i in range(len(pieces))]


def _say(context: Context) -> list[Spoken]:
    piece = context.piece
    if piece.how == "sub":
        alias = [Piece(text, 0, 0) for text in piece.said.split()]
        return [spoken for said in normalise(alias) for spoken in said]
    if piece.how:
        return say_as(piece)
    plain = (
        piece.text.isascii()
        and piece.text.isalpha()
        and not piece.text.isupper()
        and not any(map(str.isdecimal, context.at(-1)))
    )
    for rule in _OF_PLAIN_WORDS if plain else _RULES:
        said = rule(piece.text, context)
        if said is not None:
            return said
    return compound(piece.text, context)
