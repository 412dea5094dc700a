"""What a sentence sounds like, in the phonemes of misaki (hexgrad, Apache-2.0), by its lexicons alone: the American one
is part of this package, and the British one is read where misaki is installed.

misaki itself asks spaCy for each word's part of speech, which needs a model that no package holds. The sentences of
`wavesynth.data.synthetic.sentences` need none: they have no words that are spelled alike and sound otherwise.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Callable, Iterator
from typing import Literal

from wavesynth.text.lexicon import lexicon

__all__ = ["Pronunciation"]

#: Sounds after which an American t becomes a flap before a weak vowel.
_BEFORE_FLAP = frozenset("AIOWYiuæɑəɛɪɹʊʌ")
_VOWELS = frozenset("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻɐ")
#: Marks that the model hears.
_MARKS = ",.?!;:…"
_PIECES = re.compile(rf"[A-Za-z']+|[{_MARKS}]")
#: Lexicons, the more reliable last.
_BRITISH = ("gb_silver", "gb_gold")


class Pronunciation:
    """The phonemes of sentences in American or, which raises ImportError without misaki, in British English."""

    def __init__(self, dialect: Literal["us", "gb"]) -> None:
        self._british = dialect == "gb"
        self._find = _british() if self._british else lexicon().find
        self._weak = "ɪ" if dialect == "gb" else "ᵻ"

    def __call__(self, sentence: str) -> str:
        """The phonemes of a sentence, one character each, with spaces between words and the marks of the text.

        Raises ValueError for a word that is in no lexicon.
        """
        spoken: list[str] = []
        following = ""  # the next sound or mark: the sentence is read from its end
        for piece in reversed(_PIECES.findall(sentence)):
            following = piece if piece in _MARKS else self._word(piece, following)
            spoken.append(following)
        return re.sub(r" (?=[,.?!;:…])", "", " ".join(reversed(spoken)))

    def _word(self, word: str, following: str) -> str:
        """A word's phonemes, which for a few depend on what follows."""
        before_vowel = following.lstrip("ˈˌ")[:1] in _VOWELS
        last = not following or following in _MARKS
        match word.lower():
            case "the":
                return "ði" if before_vowel else "ðə"
            case "i":
                return "ˌI"
            case "a":
                return "ɐ"
            case "an":
                return "ɐn"
            case "to" if not last:
                return "tʊ" if before_vowel else "tə"
            case "in" if not last:
                return "ɪn"
        for spelled in (word, word.lower(), word.capitalize()):
            if found := self._found(spelled, last):
                return found
        for stem, ending in _stems(word.lower()):
            if found := self._found(stem, last) or self._found(stem.capitalize(), last):
                return self._with_s(found) if ending == "s" else self._with_ed(found)
        raise ValueError(f"{word!r} is in no lexicon of misaki's; the sentences must have words that are")

    def _found(self, word: str, last: bool) -> str:
        readings = self._find(word) or {"DEFAULT": ""}
        return (readings.get("None") if last else None) or readings["DEFAULT"] or ""

    def _with_s(self, stem: str) -> str:
        """A plural, a third person or a genitive."""
        if stem[-1] in "ptkfθ":
            return f"{stem}s"
        return f"{stem}{self._weak}z" if stem[-1] in "szʃʒʧʤ" else f"{stem}z"

    def _with_ed(self, stem: str) -> str:
        """A past."""
        if stem[-1] in "pkfθʃsʧ":
            return f"{stem}t"
        if stem[-1] == "t" and not self._british and stem[-2:-1] in _BEFORE_FLAP:
            return f"{stem[:-1]}ɾᵻd"
        return f"{stem}{self._weak}d" if stem[-1] in "td" else f"{stem}d"


def _british() -> Callable[[str], dict[str, str] | None]:
    """What finds a word's phonemes, as `Lexicon.find` does."""
    folder, words = importlib.resources.files("misaki.data"), {}
    for name in _BRITISH:
        words.update(json.loads((folder / f"{name}.json").read_bytes()))

    def find(word: str) -> dict[str, str] | None:
        readings = words.get(word)
        return {"DEFAULT": readings} if isinstance(readings, str) else readings

    return find


def _stems(word: str) -> Iterator[tuple[str, str]]:
    """What a word may be a plural, a genitive or a past of, and its ending: s or d."""
    if word.endswith("'s"):
        yield word[:-2], "s"
    elif word.endswith("ies"):
        yield f"{word[:-3]}y", "s"
    elif word.endswith("s"):
        yield word[:-1], "s"
        yield word.removesuffix("es"), "s"
    elif word.endswith("ed"):
        yield word[:-1], "d"
        yield word[:-2], "d"
