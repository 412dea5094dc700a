"""Text in pieces to utterances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from wavesynth.checks import require_value
from wavesynth.text.characters import check_characters
from wavesynth.text.elements import Atom, Bookmark, Break, Clause, Element, Piece, Text
from wavesynth.text.inventory import parse_phonemes
from wavesynth.text.markup import MarkupReader
from wavesynth.text.normalise import normalise
from wavesynth.text.pronounce import Phonemes, pronounce
from wavesynth.text.segmenter import Segmenter
from wavesynth.text.spoken import PAUSE, Spoken
from wavesynth.text.utterance import Mark, Token, Utterance, Word

__all__ = ["LANGUAGES", "TextReader"]

#: The languages that can be read.
LANGUAGES = ("en-US",)
#: Characters that are looked at in one go, so that the memory that a text takes does not depend on how it comes.
_SLICE = 65536


class TextReader:
    """Turns text that comes in pieces into utterances. What comes out depends on the text alone, not on how it was cut.

    `markup` says whether the text is plain or SSML. `pronunciations` gives the phonemes of written words, which go
    before every rule and the lexicon: a key in small letters is any spelling of the word, a key with a capital only
    itself. An utterance comes out as soon as its end is certain; no more than a sentence is kept.

    Raises ValueError, with one sentence, for another markup or language, and for a pronunciation that has no phonemes
    or others than the inventory's.
    """

    def __init__(
        self,
        markup: Literal["plain", "ssml"] = "plain",
        language: str = "en-US",
        pronunciations: Mapping[str, str] = {},
    ) -> None:
        require_value("markup", markup, markup in ("plain", "ssml"), "'plain' or 'ssml'")
        require_value("language", language, language in LANGUAGES, " or ".join(map(repr, LANGUAGES)))
        self._own = {word: _own(word, said) for word, said in pronunciations.items()}
        self._markup = MarkupReader() if markup == "ssml" else None
        self._segmenter = Segmenter()
        self._read = 0  # characters
        self._events: tuple[Break | Bookmark, ...] = ()  # of clauses in which nothing was to say
        self._said = False

    def push(self, text: str) -> list[Utterance]:
        """The utterances that are complete now. Raises ValueError for what cannot be said; then none of them comes."""
        done = []
        for begin in range(0, len(text), _SLICE):
            done += self._push(text[begin : begin + _SLICE])
        return done

    def finish(self) -> list[Utterance]:
        """The rest. Raises ValueError if there was nothing to say, or if markup is not closed."""
        done = self._take(self._markup.finish()) if self._markup else []
        done += self._utterances(self._segmenter.finish())
        if not self._said:
            raise ValueError(
                "text has nothing that can be said; it must have a word, a number or a sign that has a name"
            )
        return done

    def _push(self, text: str) -> list[Utterance]:
        elements: list[Element] = [Text(text, self._read)]
        self._read += len(text)
        return self._take(self._markup.push(text) if self._markup else elements)

    def _take(self, elements: list[Element]) -> list[Utterance]:
        for element in elements:
            if isinstance(element, Text | Atom):
                check_characters(element.text, element.begin)
            if isinstance(element, Atom) and element.how == "sub":
                check_characters(element.said, element.begin)
        return [u for element in elements for u in self._utterances(self._segmenter.push(element))]

    def _utterances(self, clauses: Iterable[Clause]) -> list[Utterance]:
        return [u for clause in clauses if (u := self._utterance(clause)) is not None]

    def _utterance(self, clause: Clause) -> Utterance | None:
        building = _Building(self._events)
        self._events = ()
        said = normalise(clause.pieces)
        said = [self._of_user(piece) or spoken for piece, spoken in zip(clause.pieces, said, strict=True)]
        flat: list[Spoken] = []
        for piece, spoken in zip(clause.pieces, said, strict=True):
            flat += [*spoken, *([PAUSE] if piece.mark else [])]
        phonemes = iter(pronounce(flat, self._own))
        for piece, spoken in zip(clause.pieces, said, strict=True):
            building.add(piece, [(s, next(phonemes)) for s in spoken])
            if piece.mark:
                next(phonemes)
        building.events(clause.events)
        if building.words or (not clause.pieces and self._said):
            self._said = True
            return building.utterance(clause.mark)
        self._events = building.unused
        return None

    def _of_user(self, piece: Piece) -> list[Spoken]:
        """What the user's dictionary says of a written word."""
        if piece.how or not self._own:
            return []
        for word in (piece.text, piece.text.lower()):
            if word in self._own:
                return [Spoken(piece.text)]
        return []


class _Building:
    """The tokens of an utterance, as they come together."""

    def __init__(self, events: tuple[Break | Bookmark, ...]) -> None:
        self._tokens: list[Token] = []
        self.words: list[Word] = []
        self._marks: list[Mark] = []
        self.unused: tuple[Break | Bookmark, ...] = events
        self._pause, self._seconds = "^", None

    def events(self, events: tuple[Break | Bookmark, ...]) -> None:
        """Breaks and marks before the next piece."""
        self.unused += events

    def add(self, piece: Piece, said: list[tuple[Spoken, Phonemes]]) -> None:
        """A written word and what it says."""
        self.events(piece.events)
        if not any(phonemes for _, phonemes in said):
            return
        for spoken, phonemes in said:
            if spoken.how == "pause":
                self._pause = "," if self._pause == "_" else self._pause
            if not phonemes:
                continue
            self._begin_word(piece)
            self._tokens += [
                Token(symbol, stress, len(self.words), piece.style.rate, piece.style.pitch)
                for symbol, stress in phonemes
            ]
            self._pause = "_"
        self.words.append(Word(piece.text, piece.begin, piece.end))
        self._pause = piece.mark or self._pause

    def _begin_word(self, piece: Piece) -> None:
        """The pause before a word, and the marks that are reached after it."""
        seconds = [event.seconds for event in self.unused if isinstance(event, Break)]
        if seconds and self._pause == "_" and sum(seconds) > 0:
            self._pause = ","
        style = piece.style
        self._tokens.append(
            Token(self._pause, 0, -1, style.rate, style.pitch, sum(seconds) if seconds else None)
        )
        self._mark()

    def _mark(self) -> None:
        self._marks += [Mark(e.name, len(self._tokens)) for e in self.unused if isinstance(e, Bookmark)]
        self.unused = ()

    def utterance(self, mark: str) -> Utterance:
        """All of it, ended by `mark`; without words, it is the pauses and marks alone."""
        seconds = sum(event.seconds for event in self.unused if isinstance(event, Break))
        if self.words:
            last = self._tokens[-1]
            self._tokens.append(Token(mark, 0, -1, last.rate, last.pitch))
        else:
            self._tokens = [Token("^", seconds=float(seconds)), Token("$", seconds=0.0)]
        self._mark()
        return Utterance(tuple(self._tokens), tuple(self.words), tuple(self._marks))


def _own(word: str, said: str) -> Phonemes:
    named = f"pronunciations[{word!r}]"
    require_value(
        "pronunciations has the word",
        word,
        bool(word) and not any(map(str.isspace, word)),
        "one written word",
    )
    return parse_phonemes(said, named)
