"""Text as it is spoken, to read: what normalisation makes of it."""

from __future__ import annotations

from wavesynth.text.characters import check_characters
from wavesynth.text.elements import Text
from wavesynth.text.normalise import normalise
from wavesynth.text.segmenter import Segmenter
from wavesynth.text.spoken import plain_text

__all__ = ["spoken_form"]


def spoken_form(text: str) -> str:
    """The words of a plain text as they are spoken, without punctuation. Raises ValueError for what cannot be said.

    >>> spoken_form("Dr. Smith paid $47.25 on July 4, 2026.")
    'doctor Smith paid forty seven dollars and twenty five cents on July fourth twenty twenty six'
    """
    check_characters(text, 0)
    segmenter = Segmenter()
    said = []
    for clause in [*segmenter.push(Text(text, 0)), *segmenter.finish()]:
        said += [plain_text(s for s in spoken if s.how != "pause") for spoken in normalise(clause.pieces)]
    return " ".join(filter(None, said))
