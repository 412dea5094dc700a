"""The pronunciations of 183,561 words, searched where they stand in a file: nothing is loaded, and processes share it.

The file is made of misaki's American lexicon by tools/make_lexicon.py. It is part of this package, rather than read
from an installed misaki, for three reasons: what a voice says must not change with the version of another package,
text must be spoken by the least installation, and a search in a mapped file needs neither the 60 ms nor the 60 MB that
the same entries take as a dictionary.
"""

from __future__ import annotations

import mmap
from functools import lru_cache
from pathlib import Path

__all__ = ["Lexicon", "entry", "lexicon"]


class Lexicon:
    """A file of sorted lines: a word, its phonemes, and `TAG=phonemes` where a part of speech has others."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def find(self, word: str) -> dict[str, str] | None:
        """The phonemes of a word as it is written, by part of speech, with "DEFAULT" among them; None if it is not
        there. Phonemes "" mean that the word is spelled."""
        wanted = word.encode("utf-8", "surrogatepass")
        low, high = 0, len(self._lines)
        while low < high:
            begin = self._lines.rfind(b"\n", low, (low + high) // 2) + 1
            begin = max(begin, low)
            end = self._lines.find(b"\n", begin)
            fields = self._lines[begin:end].split(b"\t")
            if fields[0] == wanted:
                default, *others = (field.decode() for field in fields[1:])
                return {"DEFAULT": default, **dict(other.split("=", 1) for other in others)}
            if fields[0] < wanted:
                low = end + 1
            else:
                high = begin
        return None


@lru_cache(1)
def lexicon() -> Lexicon:
    """The American lexicon."""
    return Lexicon(Path(__file__).with_name("lexicon_en_us.tsv"))


@lru_cache(8192)
def entry(word: str) -> dict[str, str] | None:
    """What the American lexicon has of a word, as it is written, in small letters, or capitalised; None if nothing."""
    find = lexicon().find
    found = find(word)
    if found is None and word != word.lower():
        found = find(word.lower())
    return find(word.capitalize()) if found is None and word == word.lower() else found
