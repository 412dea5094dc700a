"""Text in pieces to utterances."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from wavesynth.text.inventory import parse_phonemes
from wavesynth.text.lexicon import lexicon
from wavesynth.text.utterance import Token, Utterance, Word

__all__ = ["TextReader"]

_CHUNK = re.compile(r"\S+")
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")


class TextReader:
    """Turns text that comes in pieces into utterances. What comes out depends on the text alone, not on how it was cut.

    `markup` says whether the text is plain or SSML. `pronunciations` gives the phonemes of words, and goes before the
    lexicon. Raises ValueError for another language than "en-US", and for phonemes that are not of the inventory.
    """

    def __init__(
        self,
        markup: Literal["plain", "ssml"] = "plain",
        language: str = "en-US",
        pronunciations: Mapping[str, str] = {},
    ) -> None:
        self._own = {
            word.lower(): parse_phonemes(said, f"pronunciations[{word!r}]")
            for word, said in pronunciations.items()
        }
        self._buffer, self._offset, self._said = "", 0, False
        self._pending: list[tuple[str, int]] = []

    def push(self, text: str) -> list[Utterance]:
        """The utterances that are complete now. Raises ValueError, in one sentence, for what cannot be said."""
        self._buffer += text
        end = max((m.end() for m in re.finditer(r"\s", self._buffer)), default=0)
        return self._take(end)

    def finish(self) -> list[Utterance]:
        """The rest. Raises ValueError if there was nothing to say."""
        done = self._take(len(self._buffer)) + self._flush("$")
        if not (self._said or done):
            raise ValueError("text has nothing that can be said; it must have a word or a number")
        return done

    def _take(self, end: int) -> list[Utterance]:
        done = []
        for match in _CHUNK.finditer(self._buffer, 0, end):
            chunk = match[0]
            self._pending.append((chunk, self._offset + match.start()))
            mark = chunk.rstrip("\"')”’")[-1:]
            if mark in ".?!…":
                done += self._flush(mark)
            elif (mark in ",;:—" and len(self._pending) >= 8) or len(self._pending) >= 15:
                done += self._flush({",": ",", ";": ";", ":": ",", "—": ","}.get(mark, "_"))
        self._buffer, self._offset = self._buffer[end:], self._offset + end
        return done

    def _flush(self, mark: str) -> list[Utterance]:
        tokens = [Token("^")]
        words: list[Word] = []
        for chunk, begin in self._pending:
            for match in _WORD.finditer(chunk):
                if words and tokens[-1].word >= 0:
                    tokens.append(Token("_"))
                tokens += [Token(symbol, stress, len(words)) for symbol, stress in self._say(match[0])]
                words.append(Word(match[0], begin + match.start(), begin + match.end()))
            inner = chunk[-1]
            if inner in ",;:" and tokens[-1].word >= 0:
                tokens.append(Token({":": ","}.get(inner, inner)))
        self._pending = []
        if not words:
            return []
        if tokens[-1].word < 0:
            tokens.pop()
        self._said = True
        return [Utterance((*tokens, Token(mark)), tuple(words))]

    def _say(self, word: str) -> tuple[tuple[str, int], ...]:
        if word.lower() in self._own:
            return self._own[word.lower()]
        entry = lexicon().find(word) or lexicon().find(word.lower()) or lexicon().find(word.capitalize())
        said = (
            entry["DEFAULT"]
            if entry
            else "".join((lexicon().find(c.upper()) or {})["DEFAULT"] for c in word if c.isalpha())
        )
        return parse_phonemes(said or "ə")
