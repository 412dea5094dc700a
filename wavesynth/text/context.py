"""A written word among its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wavesynth.text.elements import Piece
from wavesynth.text.spoken import Spoken

__all__ = ["Context", "Rule"]


@dataclass(frozen=True)
class Context:
    """The written words of a clause, and the index of the one at hand."""

    pieces: Sequence[Piece]
    index: int

    @property
    def piece(self) -> Piece:
        """The one at hand."""
        return self.pieces[self.index]

    def at(self, offset: int) -> str:
        """The text of a neighbour; "" outside of the clause, and for what markup says how to say."""
        place = self.index + offset
        if not 0 <= place < len(self.pieces) or self.pieces[place].how:
            return ""
        return self.pieces[place].text

    @property
    def previous(self) -> str:
        """The word before, in small letters."""
        return self.at(-1).lower()

    @property
    def next(self) -> str:
        """The word after, in small letters; "" if a mark comes before it."""
        return "" if self.piece.mark and not self.piece.period else self.at(1).lower()


#: What a written word says, in its context; None if the rule is not about such words.
Rule = Callable[[str, Context], list[Spoken] | None]
