"""What the parts of the front end hand to each other, from markup to clauses."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Atom", "Bookmark", "Boundary", "Break", "Clause", "Element", "Piece", "Style", "Text"]


@dataclass(frozen=True)
class Style:
    """Factors of speed and pitch."""

    rate: float = 1.0
    pitch: float = 1.0


@dataclass(frozen=True)
class Text:
    """Characters that stand next to each other in the input, from its character `begin` on."""

    text: str
    begin: int
    style: Style = Style()


@dataclass(frozen=True)
class Atom:
    """Text that markup says how to say. `how` is "sub", "phoneme" or a kind of `say-as`; `said` is the alias or the
    phonemes."""

    text: str
    begin: int
    end: int
    how: str
    said: str = ""
    style: Style = Style()


@dataclass(frozen=True)
class Break:
    """A pause that markup asks for."""

    seconds: float


@dataclass(frozen=True)
class Bookmark:
    """A mark of SSML."""

    name: str


@dataclass(frozen=True)
class Boundary:
    """The beginning or end of a paragraph or a sentence."""


Element = Text | Atom | Break | Bookmark | Boundary


@dataclass(frozen=True)
class Piece:
    """A written word without the punctuation around it.

    `mark` is the pause that follows it, one of wavesynth.text.PAUSES, or "". `period` says whether a full stop stands
    directly after it, which may be an abbreviation's. `events` come before it.
    """

    text: str
    begin: int
    end: int
    style: Style = Style()
    mark: str = ""
    period: bool = False
    how: str = ""
    said: str = ""
    events: tuple[Break | Bookmark, ...] = ()


@dataclass(frozen=True)
class Clause:
    """What becomes an utterance; `events` come after its last piece."""

    pieces: tuple[Piece, ...]
    mark: str
    events: tuple[Break | Bookmark, ...] = ()
