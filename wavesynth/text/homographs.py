"""Which part of speech a word is, as far as its pronunciation depends on it: "to read", "I have read"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wavesynth.text.word_lists import word_set

__all__ = ["part_of_speech"]

_BEFORE_VERB = word_set(
    "to will would can could shall should may might must do does did don't doesn't didn't won't wouldn't "
    "can't couldn't please let's i you we they who never always also not i'll you'll we'll they'll he'll "
    "she'll it'll i'd"
)
_BEFORE_NOUN = word_set(
    "a an the this that these those my your his her its our their no some any each every another of in on "
    "at for with by from about new old good bad best first last next great big small own whose what which "
    "one two three many few"
)
_BEFORE_PARTICIPLE = word_set(
    "have has had having was were been be is are being get got gets i've you've we've they've he's she's "
    "it's hadn't haven't hasn't wasn't weren't isn't aren't well just already ever"
)
_SINGULAR = word_set("he she it who nobody everyone everybody someone")
_PAST = word_set("yesterday ago was were had did last earlier once then went said")
_OBJECTS = word_set(
    "a an the this that these those my your his her its our their me him us them it each every all more "
    "some any"
)
_PLACES = word_set("in on at near here there together alone up by under forever with happily for through")
_BE = word_set("is are was were be been being isn't aren't wasn't weren't get gets got getting")
#: Lead, the metal, is not in the lexicon.
_METAL = word_set("pipe pipes paint poisoning acid acetate shot weights mine mines ore bullet bullets free")
_EXTRA = {
    "lead": {"DEFAULT": "lˈid", "METAL": "lˈɛd"},
    "bass": {"DEFAULT": "bˈAs", "FISH": "bˈæs"},
    "resume": {"DEFAULT": "ɹəzˈum", "NOUN": "ɹˈɛzəmˌA"},
}
_FISH = word_set("fish fishing sea striped largemouth smallmouth caught")


def part_of_speech(
    word: str, readings: Mapping[str, str], before: Sequence[str], after: Sequence[str]
) -> str:
    """The phonemes of the reading that fits the words `before` and `after`, all in small letters, nearest first.

    It knows only the neighbours: what it does not recognise is the lexicon's default.
    """
    readings = _EXTRA.get(word, readings)
    tag = _tag(word, readings, before, after)
    return readings.get(tag, readings["DEFAULT"])


def _tag(word: str, readings: Mapping[str, str], before: Sequence[str], after: Sequence[str]) -> str:
    last, second = (*before[:2], "", "")[:2]
    following = after[0] if after else ""
    if "METAL" in readings:
        return "METAL" if following in _METAL or second + last == "madeof" else ""
    if "FISH" in readings:
        return "FISH" if following in _FISH or last in _FISH else ""
    if word == "used":
        if following != "to":
            return ""
        accustomed = len(after) > 1 and (after[1] in _OBJECTS or after[1].endswith("ing"))
        return "VBD" if last not in _BE or accustomed else ""
    if "None" in readings and not following:
        return "None"
    if word == "read":
        return _read(before, after)
    if word == "live":
        verb = last in _BEFORE_VERB or following in _PLACES or second in _BEFORE_VERB
        return "VERB" if verb and last not in _BEFORE_NOUN | _BE else ""
    if word == "invalid" or (word == "close" and following == "to" and last not in ("to", "will")):
        return ""
    if last in _SINGULAR and last not in _BEFORE_VERB:
        return "VBD" if "VBD" in readings else "VERB"
    if word == "lives" and following in _PLACES and last not in _BEFORE_NOUN:
        return "VERB"
    return _noun_or_verb(last, second, following)


def _read(before: Sequence[str], after: Sequence[str]) -> str:
    last, second = (*before[:2], "", "")[:2]
    if last in _BEFORE_PARTICIPLE or second in _BEFORE_PARTICIPLE - _BE:
        return "VBN"
    if last in _SINGULAR or (last not in ("to", "will", "can") and not _PAST.isdisjoint((*before, *after))):
        return "VBD"
    return ""


def _noun_or_verb(last: str, second: str, following: str) -> str:
    if last in _BEFORE_NOUN or last.endswith("'s"):
        return "NOUN" if following not in _OBJECTS or last in ("the", "a", "an", "this") else "VERB"
    if last in _BEFORE_VERB or (second in _BEFORE_VERB and last.endswith("ly")):
        return "VERB"
    if last in _BE:
        return "ADJ"
    return "VERB" if following in _OBJECTS and (not last or last in ("and", "or", "then")) else ""
