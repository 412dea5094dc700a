"""Spoken words to phonemes: the user's own, the lexicon's, its endings', and guesses. No word is dropped.

The order, the weak forms of "the", "to", "a" and the rules of the endings are those of misaki's English, whose class
needs spaCy and a model that spaCy downloads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from wavesynth.text.characters import fold
from wavesynth.text.homographs import part_of_speech
from wavesynth.text.inventory import VOWELS, parse_phonemes
from wavesynth.text.letters import guess
from wavesynth.text.lexicon import entry
from wavesynth.text.spoken import Spoken

__all__ = ["Phonemes", "pronounce"]

Phonemes = tuple[tuple[str, int], ...]
#: Letters of one guess; what is longer is guessed in parts.
MAX_GUESSED = 24
_BEFORE_TAP = frozenset("AIOWYiuæɑəɛɪɹʊʌ")
_CLITICS = {"'ll": "əl", "'ve": "əv", "'re": "əɹ", "'d": "d", "'m": "m"}


def pronounce(said: Sequence[Spoken], own: Mapping[str, Phonemes]) -> list[Phonemes]:
    """The phonemes and stresses of each spoken word of a clause; () for a pause.

    `own` are a user's pronunciations: a key in small letters is any spelling of the word.
    """
    result: list[Phonemes] = [()] * len(said)
    vowel: bool | None = None  # whether the next word begins with one; None before a pause
    low = [fold(s.text).lower() if s.how == "word" else "" for s in said]
    for i in reversed(range(len(said))):
        spoken = said[i]
        if spoken.how == "pause":
            vowel = None
            continue
        if spoken.how == "phonemes":
            result[i] = parse_phonemes(spoken.text)
        elif spoken.how == "letters":
            result[i] = _spell(spoken.text)
        else:
            result[i] = (
                _own(spoken.text, own) or _weak(spoken.text, low[i], i, vowel) or _word(low, i, spoken.text)
            )
        vowel = result[i][0][0] in VOWELS if result[i] else vowel
    return result


def _own(text: str, own: Mapping[str, Phonemes]) -> Phonemes:
    return own.get(text) or own.get(text.lower()) or ()


def _weak(text: str, word: str, place: int, vowel: bool | None) -> Phonemes:
    """Of the words whose vowels depend on what follows; () for others."""
    if word == "the":
        return parse_phonemes("ði" if vowel is not False else "ðə")
    if word == "to":
        return parse_phonemes({None: "tu", False: "tə", True: "tʊ"}[vowel])
    if word == "a":
        return parse_phonemes("ə" if vowel is not None and (text == "a" or place == 0) else "ˈA")
    if word == "an" and vowel is not None:
        return parse_phonemes("ən")
    if word == "am" and vowel is not None:
        return parse_phonemes("əm")
    if word == "i":
        return parse_phonemes("ˌI")
    if word == "in" and vowel is None:
        return parse_phonemes("ˈɪn")
    return ()


def _word(low: Sequence[str], place: int, text: str) -> Phonemes:
    before = [w for w in reversed(low[max(0, place - 8) : place]) if w]
    after = []
    for word in low[place + 1 : place + 9]:
        if not word:
            break
        after.append(word)
    word = fold(text).strip("'") if not entry(fold(text)) else fold(text)
    return _look_up(word, before, after) or _ending(word, before, after) or _unknown(word.lower())


def _look_up(word: str, before: Sequence[str], after: Sequence[str], tag: str = "") -> Phonemes:
    readings = entry(word)
    if readings is None:
        return ()
    said = readings.get(tag) or part_of_speech(word.lower(), readings, before, after)
    return parse_phonemes(said) if said else _spell(word)


def _ending(word: str, before: Sequence[str], after: Sequence[str]) -> Phonemes:
    """Of a known stem with a clitic, -s, -ed or -ing; () for other words."""
    low = word.lower()
    for clitic, sounds in _CLITICS.items():
        if low.endswith(clitic) and len(low) > len(clitic):
            return _stem(word[: -len(clitic)], before, after) + parse_phonemes(sounds)
    if low.endswith("'s"):
        return _with_s(_stem(word[:-2], before, after))
    for ending, join, tag in (("s", _with_s, ""), ("ed", _with_ed, "VERB"), ("ing", _with_ing, "VERB")):
        for stem in _stems(word, low, ending):
            said = _look_up(stem, before, after, tag)
            if said:
                return join(said)
    return ()


def _stem(word: str, before: Sequence[str], after: Sequence[str]) -> Phonemes:
    return _look_up(word, before, after) or _ending(word, before, after) or _unknown(word.lower())


def _stems(word: str, low: str, ending: str) -> list[str]:
    """What a word may be without its ending, likeliest first."""
    if not low.endswith(ending) or len(low) < len(ending) + 2:
        return []
    stem = word[: -len(ending)]
    if ending == "s":
        if low.endswith("ss"):
            return []
        stems = [stem]
        if low.endswith("ies") and len(low) > 4:
            stems.append(word[:-3] + "y")
        if low.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
            stems.append(word[:-2])
        return stems
    stems = [stem, stem + "e"]
    if re.search(r"([bcdgklmnprstvxz])\1$", stem.lower()):
        stems.append(stem[:-1])
    if ending == "ed" and low.endswith("ied"):
        stems.append(word[:-3] + "y")
    if stem.lower().endswith("ck"):
        stems.append(stem[:-1])
    return [s for s in stems if len(s) > 1]


def _with_s(stem: Phonemes) -> Phonemes:
    last = stem[-1][0] if stem else ""
    if last and last in "szʃʒʧʤ":
        return (*stem, ("ᵻ", 0), ("z", 0))
    return (*stem, ("s" if last and last in "ptkfθ" else "z", 0)) if stem else ()


def _with_ed(stem: Phonemes) -> Phonemes:
    last = stem[-1][0]
    if last in "pkfθʃsʧ":
        return (*stem, ("t", 0))
    if last == "d":
        return (*stem, ("ᵻ", 0), ("d", 0))
    return (*_tapped(stem), ("ᵻ", 0), ("d", 0)) if last == "t" else (*stem, ("d", 0))


def _with_ing(stem: Phonemes) -> Phonemes:
    return (*_tapped(stem), ("ɪ", 0), ("ŋ", 0))


def _tapped(stem: Phonemes) -> Phonemes:
    """With a tap for a t between vowels."""
    if len(stem) > 1 and stem[-1][0] == "t" and stem[-2][0] in _BEFORE_TAP:
        return (*stem[:-1], ("ɾ", 0))
    return stem


def _spell(text: str) -> Phonemes:
    """Letters one after the other, the last with the primary stress; a small s after capitals is the plural's."""
    plural = text[-1:] == "s" and text[:-1].isupper()
    names = [_letter(c) for c in fold(text[:-1] if plural else text) if c.isascii() and c.isalpha()]
    said: Phonemes = ()
    for i, name in enumerate(names):
        said += name if i == len(names) - 1 else tuple((symbol, min(stress, 1)) for symbol, stress in name)
    return _with_s(said) if plural else said


@lru_cache(32)
def _letter(char: str) -> Phonemes:
    readings = entry(char.upper())
    return parse_phonemes(readings["DEFAULT"]) if readings else ()


def _unknown(word: str) -> Phonemes:
    """Of a word that nothing knows: of its two halves, if they are words, of its letters otherwise."""
    word = "".join(c for c in word if c.isascii() and c.isalpha())
    for left in sorted(range(4, len(word) - 3), key=lambda n: abs(2 * n - len(word))):
        if len(word) <= MAX_GUESSED and entry(word[:left]) and entry(word[left:]):
            halves = (_look_up(word[:left], (), ()), _look_up(word[left:], (), ()))
            return halves[0] + tuple((symbol, min(stress, 1)) for symbol, stress in halves[1])
    said: Phonemes = ()
    for begin in range(0, len(word), MAX_GUESSED):
        part = word[begin : begin + MAX_GUESSED]
        said += guess(part) or _spell(part)
    return said
