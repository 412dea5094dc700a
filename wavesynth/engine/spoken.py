"""Text to be read aloud, as the engine takes it: log-mel in pieces; when its words are spoken; how long it may be."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.checks import require_value
from wavesynth.text.options import TextOptions
from wavesynth.text.speech import MelPiece, TextSpeech, Timing

__all__ = ["SpokenTimes", "frames_of", "most_seconds"]

#: Seconds that a character takes, at most, and a text besides, at rate 1. allison-reads takes 0.76 for each of a row of
#: digits, 1.08 for ½ alone, and 0.07 for those of prose.
_CHARACTER, _BESIDES = 1.0, 1.0


class SpokenTimes:
    """When the words of one stream's text are spoken, and its marks reached. One thread adds, another takes.

    What came before the sample `first` is left out.
    """

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._words, self._marks = deque[Timing](), deque[Timing]()

    def add(self, piece: MelPiece) -> None:
        """Those of the next frames, before the engine has the frames."""
        self._words.extend(piece.words)
        self._marks.extend(piece.marks)

    def take(self, end: int | None) -> tuple[list[Timing], list[Timing]]:
        """The words and the marks that begin before the sample `end`, and were not taken; all that is left for None."""
        return self._until(self._words, end), self._until(self._marks, end)

    def _until(self, waiting: deque[Timing], end: int | None) -> list[Timing]:
        taken = []
        while waiting and (end is None or waiting[0].first_sample < end):
            taken.append(waiting.popleft())
        return [timing for timing in taken if timing.first_sample >= self._first]


def frames_of(speech: TextSpeech, pieces: Iterable[Any], times: SpokenTimes) -> Iterator[NDArray[np.float32]]:
    """The log-mel [f, bands] of text that comes in pieces, each made when it is asked for. Raises what `pieces` raises,
    and ValueError, in a sentence, for what cannot be read."""
    for text in pieces:
        require_value("text", text, isinstance(text, str), "a text")
        speech.push(text)
        yield from _ready(speech, times)
    speech.finish()
    yield from _ready(speech, times)


def _ready(speech: TextSpeech, times: SpokenTimes) -> Iterator[NDArray[np.float32]]:
    while (piece := speech.next()) is not None:
        times.add(piece)
        yield piece.frames


def most_seconds(text: str, options: TextOptions) -> float:
    """Seconds that a text takes at most, before it is read: infinity where its length says nothing, since pauses of
    markup and pronunciations of words are as long as their author likes."""
    if options.markup != "plain" or options.pronunciations:
        return math.inf
    return (_BESIDES + _CHARACTER * len(text)) / options.rate
