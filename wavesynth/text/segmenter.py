"""Written words to clauses: where an utterance ends.

A decision needs the word at hand, the space after it, and at most the next word. So a clause comes out as soon as it is
certain, and no more is kept than a clause.
"""

from __future__ import annotations

import re
from dataclasses import replace

from wavesynth.text.abbreviations import ends_sentence, is_abbreviation
from wavesynth.text.characters import is_ignorable
from wavesynth.text.elements import Atom, Bookmark, Break, Clause, Element, Piece, Style, Text
from wavesynth.text.pieces import parts
from wavesynth.text.word_lists import word_set

__all__ = ["MAX_WORDS", "Segmenter"]

#: Written words of an utterance, unless numbers stand together.
MAX_WORDS = 15
#: A comma ends an utterance of so many words; the first utterance of a text may be shorter, because somebody waits.
MIN_WORDS, MIN_FIRST = 8, 4
#: Characters without a space; what is longer is cut.
MAX_CHUNK = 100
#: Characters of an utterance's words; digits and signs take a word each.
MAX_CHARACTERS = 150
_SPACES = re.compile(r"\s+|\S+")
_CONJUNCTIONS = word_set(
    "and or but nor so yet that which who whom whose because when while where if unless although though "
    "since until than as"
)
_PREPOSITIONS = word_set(
    "of in on at by for from with to into onto over under about after before between through during "
    "without within against toward towards upon across"
)


class Segmenter:
    """Takes elements, and gives the clauses that are complete. The result does not depend on how text was cut."""

    def __init__(self) -> None:
        self._chunk: list[str] = []
        self._sources: list[int] = []
        self._style = Style()
        self._newlines = 0
        self._pieces: list[Piece] = []
        self._events: list[Break | Bookmark] = []
        self._undecided = False  # whether the last piece's full stop ends the sentence
        self._first = True
        self._done: list[Clause] = []

    def push(self, element: Element) -> list[Clause]:
        """The clauses that are complete now."""
        if isinstance(element, Text):
            self._text(element)
        elif isinstance(element, Atom):
            self._end_chunk()
            self._add(_piece_of(element))
        elif isinstance(element, Break | Bookmark):
            self._end_chunk()
            if isinstance(element, Break) and element.seconds == 0 and self._pieces and not self._undecided:
                self._pieces[-1] = replace(self._pieces[-1], mark="")
            self._events.append(element)
        else:
            self._end_chunk()
            self._end("")
        return self._take()

    def finish(self) -> list[Clause]:
        """The rest."""
        self._end_chunk()
        self._end("")
        if self._events:
            self._done.append(Clause((), "$", tuple(self._events)))
            self._events = []
        return self._take()

    def _take(self) -> list[Clause]:
        done, self._done = self._done, []
        return done

    def _text(self, element: Text) -> None:
        for match in _SPACES.finditer(element.text):
            if match[0][0].isspace():
                self._end_chunk()
                self._newlines += match[0].count("\n") + 2 * match[0].count("\u2029")
                if self._newlines >= 2:
                    self._end("")
                continue
            self._newlines = 0
            if match[0].isascii() and len(self._chunk) + len(match[0]) < MAX_CHUNK:
                self._style = self._style if self._chunk else element.style
                self._chunk += match[0]
                self._sources += range(element.begin + match.start(), element.begin + match.end())
                continue
            for place, char in enumerate(match[0], element.begin + match.start()):
                if is_ignorable(char):
                    self._end_chunk()
                    continue
                if not self._chunk:
                    self._style = element.style
                self._chunk.append(char)
                self._sources.append(place)
                if len(self._chunk) == MAX_CHUNK:
                    self._end_chunk()

    def _end_chunk(self) -> None:
        if not self._chunk:
            return
        chunk, sources = "".join(self._chunk), self._sources
        self._chunk, self._sources = [], []
        for part in parts(chunk):
            if part.begin == part.end:
                self._punctuate(part.mark)
                continue
            self._add(
                Piece(
                    chunk[part.begin : part.end],
                    sources[part.begin],
                    sources[part.end - 1] + 1,
                    self._style,
                    part.mark,
                    part.period,
                )
            )

    def _add(self, piece: Piece) -> None:
        if self._undecided:
            self._decide(piece.text)
        self._pieces.append(replace(piece, events=tuple(self._events)) if self._events else piece)
        self._events = []
        last = self._pieces[-2].text if len(self._pieces) > 1 else ""
        if piece.period and piece.mark == "." and is_abbreviation(piece.text, last):
            self._undecided = True
        else:
            self._punctuate(piece.mark)
        long = sum(len(p.text) for p in self._pieces) > MAX_CHARACTERS
        if len(self._pieces) > MAX_WORDS or (long and len(self._pieces) > 1):
            self._cut(long)

    def _decide(self, following: str) -> None:
        """Whether the full stop of the last piece ends the sentence, now that the next word is known."""
        self._undecided = False
        *before, last = self._pieces
        if ends_sentence(last.text, tuple(piece.text for piece in before), following):
            self._end(".")
        else:
            self._pieces[-1] = replace(last, mark="")

    def _punctuate(self, mark: str) -> None:
        """A mark after the last piece."""
        if not mark or not self._pieces:
            return
        if mark in ".?!…":
            self._end(mark)
            return
        self._undecided = False
        last = self._pieces[-1] = replace(self._pieces[-1], mark=mark)
        enough = MIN_FIRST if self._first else MIN_WORDS
        if len(self._pieces) >= enough and not last.text[-1:].isdigit():
            self._end(mark)

    def _end(self, mark: str) -> None:
        """The clause is complete; without a mark of its own, it ends as its last piece does."""
        if self._pieces:
            self._undecided = False
            mark = mark or self._pieces[-1].mark or "$"
            self._done.append(Clause(tuple(self._pieces), mark))
            self._pieces, self._first = [], False

    def _cut(self, long: bool) -> None:
        """Cuts what is too long: after a mark, before a conjunction or a preposition, or where it must be."""

        def weight(at: int) -> int:
            left, right = self._pieces[at - 1], self._pieces[at]
            if left.text[-1:].isdigit() or right.text[:1].isdigit() or left.period:
                return 0
            if left.mark:
                return 4
            word = right.text.lower()
            if left.text.lower() in _CONJUNCTIONS | _PREPOSITIONS:
                return 1
            return 3 if word in _CONJUNCTIONS else 2 if word in _PREPOSITIONS else 1

        low = min(MIN_FIRST if self._first else MIN_WORDS // 2, len(self._pieces) - 1)
        at = max(range(low, len(self._pieces)), key=lambda i: (weight(i), i))
        if weight(at) == 0 and not long and len(self._pieces) < 2 * MAX_WORDS:
            return
        rest, self._pieces = self._pieces[at:], self._pieces[:at]
        undecided = self._undecided
        self._end(self._pieces[-1].mark or "_")
        self._pieces, self._undecided = rest, undecided


def _piece_of(atom: Atom) -> Piece:
    return Piece(atom.text, atom.begin, atom.end, atom.style, how=atom.how, said=atom.said)
