"""The phonemes: the symbols of misaki's American English, one character each, and how a user may write them in IPA."""

from __future__ import annotations

from functools import lru_cache

from wavesynth.checks import brief
from wavesynth.models.text_config import PHONEMES

__all__ = ["CONSONANTS", "EXAMPLES", "INVENTORY", "VOWELS", "parse_phonemes"]

#: Each phoneme with a word that has it. ɾ is the tap of "better", ᵊ a schwa that may vanish, ᵻ one between ɪ and ə.
EXAMPLES = {
    "A": "say",
    "I": "my",
    "O": "go",
    "W": "now",
    "Y": "boy",
    "i": "see",
    "u": "too",
    "æ": "cat",
    "ɑ": "father",
    "ɔ": "saw",
    "ə": "about",
    "ɛ": "bed",
    "ɜ": "bird",
    "ɪ": "sit",
    "ʊ": "book",
    "ʌ": "cup",
    "ᵊ": "little",
    "ᵻ": "roses",
    "b": "bee",
    "d": "day",
    "f": "fee",
    "h": "he",
    "j": "yes",
    "k": "key",
    "l": "lay",
    "m": "me",
    "n": "no",
    "p": "pea",
    "s": "so",
    "t": "tea",
    "v": "vow",
    "w": "we",
    "z": "zoo",
    "ð": "this",
    "ŋ": "sing",
    "ɡ": "go",
    "ɹ": "ray",
    "ɾ": "better",
    "ʃ": "she",
    "ʒ": "vision",
    "ʤ": "jam",
    "ʧ": "chin",
    "θ": "thin",
}
INVENTORY = PHONEMES
VOWELS = frozenset("AIOWYiuæɑɔəɛɜɪʊʌᵊᵻ")
CONSONANTS = frozenset(INVENTORY) - VOWELS

_STRESSES = {"ˌ": 1, "ˈ": 2}
#: Other spellings of the same phonemes, longest first.
_IPA = {
    "t͡ʃ": "ʧ",
    "d͡ʒ": "ʤ",
    "eɪ": "A",
    "aɪ": "I",
    "oʊ": "O",
    "əʊ": "O",
    "aʊ": "W",
    "ɔɪ": "Y",
    "tʃ": "ʧ",
    "dʒ": "ʤ",
    "l̩": "ᵊl",
    "n̩": "ᵊn",
    "m̩": "ᵊm",
    "ɝ": "ɜɹ",
    "ɚ": "əɹ",
    "ɐ": "ə",
    "ɒ": "ɑ",
    "a": "æ",
    "e": "ɛ",
    "o": "O",
    "r": "ɹ",
    "g": "ɡ",
    "ɫ": "l",
    "ʔ": "t",
    "T": "ɾ",
    "ː": "",
    ".": "",
    "‿": "",
    "'": "ˈ",
}


@lru_cache(16384)
def parse_phonemes(text: str, name: str = "phonemes") -> tuple[tuple[str, int], ...]:
    """The phonemes and stresses (0, 1, 2) of a word: symbols of the inventory or usual IPA, ˈ and ˌ before a syllable.

    Raises ValueError, naming the field `name`, for what is no phoneme, and where there is none.

    >>> parse_phonemes("ɡˈO")
    (('ɡ', 0), ('O', 2))
    >>> parse_phonemes("ˈtʃeɪndʒ")
    (('ʧ', 0), ('A', 2), ('n', 0), ('ʤ', 0))
    """
    plain: list[str] = []
    at = 0
    while at < len(text):
        for length in (3, 2, 1):
            if text[at : at + length] in _IPA:
                plain += _IPA[text[at : at + length]]
                break
        else:
            length = 1
            if not text[at].isspace():
                plain.append(text[at])
        at += length
    found: list[tuple[str, int]] = []
    stress = 0
    for symbol in plain:
        if symbol in _STRESSES:
            stress = _STRESSES[symbol]
        elif symbol in VOWELS:
            found.append((symbol, stress))
            stress = 0
        elif symbol in CONSONANTS:
            found.append((symbol, 0))
        else:
            raise ValueError(
                f"{name} is {brief(text)}; {symbol!r} is no phoneme: "
                f"they are {' '.join(INVENTORY)}, with ˈ or ˌ for stress"
            )
    if not found:
        raise ValueError(f"{name} is {brief(text)}; it must have a phoneme: {' '.join(INVENTORY)}")
    return tuple(found)
