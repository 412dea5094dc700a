"""How a word that no lexicon knows may sound, from its letters and their neighbours.

The table is learnt from the lexicon by tools/make_letter_to_sound.py. It is counted in whole numbers, so that a guess
is the same on every processor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from wavesynth.text.inventory import VOWELS, parse_phonemes
from wavesynth.text.lexicon import Lexicon

__all__ = ["MAX_CONTEXT", "context", "guess", "guess_from"]

#: Of a key: the letter itself, and five on either side.
MAX_CONTEXT = 11
_SIDE = (MAX_CONTEXT - 1) // 2
#: Vowels that carry no stress where a word has another.
_WEAK = frozenset("əᵊᵻ")


def context(letters: str, at: int) -> str:
    """The key of a letter: itself, the next, the one before, the second next, ...; "." stands outside of the word."""
    padded = "." * _SIDE + letters + "." * _SIDE
    centre = at + _SIDE
    return padded[centre] + "".join(padded[centre + n] + padded[centre - n] for n in range(1, _SIDE + 1))


def guess_from(find: Callable[[str], str | None], letters: str) -> tuple[tuple[str, int], ...]:
    """The phonemes and stresses of a word in small letters, by a table: the longest key that is there counts."""
    chunks = []
    for i in range(len(letters)):
        key = context(letters, i)
        found = (find(key[:length]) for length in range(len(key), 0, -1))
        chunks.append(next((chunk for chunk in found if chunk is not None), ""))
    said = "".join(chunks)
    return _stressed(parse_phonemes(said)) if said else ()


@lru_cache(1)
def _table() -> Lexicon:
    return Lexicon(Path(__file__).with_name("letter_to_sound_en_us.tsv"))


def _find(key: str) -> str | None:
    entry = _table().find(key)
    return None if entry is None else entry["DEFAULT"]


@lru_cache(4096)
def guess(letters: str) -> tuple[tuple[str, int], ...]:
    """The phonemes and stresses of a word in small letters, a to z; () where the letters are all silent."""
    return guess_from(_find, letters)


def _stressed(phonemes: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """With one primary stress: the first of several, the first full vowel where there is none."""
    vowels = [i for i, (symbol, _) in enumerate(phonemes) if symbol in VOWELS]
    primary = [i for i in vowels if phonemes[i][1] == 2]
    full = [i for i in vowels if phonemes[i][0] not in _WEAK] or vowels
    chosen = (primary or full or [-1])[0]
    return tuple(
        (symbol, 2 if i == chosen else min(stress, 1)) for i, (symbol, stress) in enumerate(phonemes)
    )
