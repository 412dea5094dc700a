"""Characters without a space between them to written words: punctuation comes off, and what it means stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from wavesynth.text.characters import SYMBOLS

__all__ = ["Part", "parts"]

#: A web address or an e-mail's, which is one word whatever is in it.
_ADDRESS = re.compile(r"[a-z]+://|www\.|[\w.+-]+@[\w-]+\.\w", re.IGNORECASE)
#: Dashes and dots that part words, and marks after which a space was forgotten.
_PARTS = re.compile(
    r"—|--+|(?<=[^\W\d])–(?=[^\W\d])|\.{2,}|…|(?<=[^\W\d])[,;!?]+(?=[^\W\d])|(?<=\w):(?=[^\W\d_])|[()\[\]{}]"
)
_OPENING = "\"“”„«»‹›([{*_~`'‘’¿¡|"
_CLOSING = ".,;:!?…)]}\"“”«»‹›'’*_~`|—–-"
_PLURAL = re.compile(r"\((e?s)\)", re.IGNORECASE)


class Part(NamedTuple):
    """A written word: where it begins and ends in the chunk, the mark that follows it, and whether a single full
    stop follows it directly. A part without a word has `begin == end`: its mark belongs to the word before."""

    begin: int
    end: int
    mark: str
    period: bool


def parts(chunk: str) -> Iterator[Part]:
    """The written words of a chunk."""
    if _ADDRESS.match(chunk.lstrip(_OPENING)):
        yield _part(chunk, 0, len(chunk))
        return
    begin = 0
    kept = {m.start() for m in _PLURAL.finditer(chunk)} | {m.end() - 1 for m in _PLURAL.finditer(chunk)}
    for match in _PARTS.finditer(chunk):
        if match.start() in kept or (match.end() == len(chunk) and match[0][0] not in "—-"):
            continue
        if match.start() > begin:
            yield _part(chunk, begin, match.start())
        mark = match[0][0]
        yield Part(match.end(), match.end(), "…" if mark in ".…" else mark if mark in ";!?" else ",", False)
        begin = match.end()
    if begin < len(chunk):
        yield _part(chunk, begin, len(chunk))


def _part(chunk: str, begin: int, end: int) -> Part:
    first, last = begin, end
    while first < last and chunk[first] in _OPENING and not _belongs(chunk, first, last):
        first += 1
    while last > first and chunk[last - 1] in _CLOSING and not _ends(chunk, first, last):
        last -= 1
    tail = chunk[last:end]
    if not any(c.isalnum() or c in SYMBOLS for c in chunk[first:last]):
        first, last, tail = end, end, chunk[begin:end]
    period = tail.startswith(".") and not tail.startswith("..")
    return Part(first, last, _mark(tail[1:] if re.match(r"\.[,;:]", tail) else tail), period)


def _belongs(chunk: str, at: int, end: int) -> bool:
    """Whether an opening character is the word's own: 'em, '90s, ~5."""
    following = chunk[at + 1 : end]
    if chunk[at] in "'‘’":
        return bool(re.match(r"(em|tis|twas|til|cause|n)\b|\d0s", following, re.IGNORECASE))
    return chunk[at] == "~" and following[:1].isdigit()


def _ends(chunk: str, begin: int, end: int) -> bool:
    """Whether a closing character is the word's own: word(s)."""
    return chunk[end - 1] == ")" and bool(_PLURAL.search(chunk[begin:end]))


def _mark(tail: str) -> str:
    for mark in "?!":
        if mark in tail:
            return mark
    if "…" in tail or ".." in tail:
        return "…"
    if "." in tail:
        return "."
    if ";" in tail:
        return ";"
    return "," if any(c in tail for c in ",:)]}—–") or tail == "-" else ""
