"""English sentences to be read aloud: drawn from patterns, so that any number can be had and none is copied.

They are everyday statements, questions, exclamations, orders, dialogue, lists and numbers, of 2 to about 20 words. The
words are chosen so that each phoneme of English occurs often. No word is spelled like another that sounds otherwise.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from wavesynth.data.synthetic.patterns import PATTERNS, WORDS

__all__ = ["number_in_words", "sentences"]

_SLOT = re.compile(r"\{(\w+)\}")
_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_ONES = _TO_NINETEEN.split()
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def sentences(seed: str) -> Iterator[str]:
    """Sentences without end; the same ones for the same seed. None comes twice."""
    chance = random.Random(f"sentences of {seed}")
    groups = list(PATTERNS)
    said: set[str] = set()
    while True:
        # The groups in turn, so that each kind has its share in any few minutes.
        chance.shuffle(groups)
        for group in groups:
            sentence = _filled(chance.choice(PATTERNS[group]), chance)
            if sentence not in said:
                said.add(sentence)
                yield sentence


def number_in_words(number: int) -> str:
    """A number from 0 to 999,999 as it is said: 1,215 is "one thousand two hundred and fifteen"."""
    if number >= 1000:
        rest = f" {number_in_words(number % 1000)}" if number % 1000 else ""
        return f"{number_in_words(number // 1000)} thousand{rest}"
    if number >= 100:
        rest = f" and {number_in_words(number % 100)}" if number % 100 else ""
        return f"{_ONES[number // 100]} hundred{rest}"
    if number >= 20:
        return _TENS[number // 10 - 2] + (f" {_ONES[number % 10]}" if number % 10 else "")
    return _ONES[number]


def _filled(pattern: str, chance: random.Random) -> str:
    """A pattern with its slots filled. One sentence takes no word twice from one list."""
    used: set[str] = set()

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name in ("number", "several"):
            most = chance.choice((20, 100, 2000))
            return number_in_words(chance.randrange(2 if name == "several" else 0, most))
        if name == "digits":
            return " ".join(chance.choice(_ONES[:10]) for _ in range(chance.choice((3, 4, 4, 7))))
        word = chance.choice([word for word in WORDS[name] if word not in used])
        used.add(word)
        return word

    text = _SLOT.sub(fill, pattern)
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return re.sub(r"(^|[.?!] )([a-z])", lambda match: match[1] + match[2].upper(), text)
