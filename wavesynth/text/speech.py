"""A voice reads text aloud: text in pieces → log-mel in pieces, with the times of its words.

It is pulled: nothing is made ahead of who asks, however much text there is. What comes out depends on the text and the
options alone, not on how the text was cut or how it is asked for.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.text.characters import check_characters
from wavesynth.text.network import speaking_network
from wavesynth.text.options import TextOptions
from wavesynth.text.planning import numbered
from wavesynth.text.reader import TextReader
from wavesynth.text.utterance import Utterance
from wavesynth.text.utterance_speech import UtteranceSpeech

if TYPE_CHECKING:
    from wavesynth.voices.voice import Voice

__all__ = [
    "MelPiece",
    "TextOptions",
    "TextSpeech",
    "Timing",
    "reader_language",
]

#: Characters of plain text that are read at once.
_READ_AHEAD = 400
#: Seconds of silence between utterances, by the mark at the end of the first. A sentence that goes on has none.
_BETWEEN = {"$": 0.25, ".": 0.3, "?": 0.3, "!": 0.3, "…": 0.4, ";": 0.15, ",": 0.05, "_": 0.0}


@dataclass(frozen=True)
class Timing:
    """When a word is said; or a mark is reached, whose `text` is its name and whose `begin` and `end` are -1."""

    text: str
    begin: int
    end: int
    """The word's characters in the whole text, `begin` to `end`."""
    first_sample: int
    end_sample: int
    """Its samples in the stream, at the voice's rate."""


@dataclass(frozen=True)
class MelPiece:
    """The next frames."""

    frames: NDArray[np.float32]
    """Log-mel [f, bands]."""
    words: tuple[Timing, ...] = ()
    """Words that begin in these frames."""
    marks: tuple[Timing, ...] = ()
    """Marks that are reached in these frames."""


class TextSpeech:
    """The log-mel of text that comes in pieces.

    Plain text is read a paragraph or so ahead, so that a book begins as soon as a sentence does. Characters that it may
    not have are heard of as it is pushed; that there is nothing to say, by `next`. SSML is read as it is pushed.

    Raises ValueError for a voice that takes no text, or of a language that cannot be read.
    """

    def __init__(self, voice: Voice, options: TextOptions | None = None) -> None:
        self._options = o = options or TextOptions()
        if voice.text_network is None:
            raise ValueError(f"voice is {voice.name!r}, which takes no text; it must be one that does")
        self._network, self._mel = speaking_network(voice.text_network), voice.mel
        self._reader = TextReader(o.markup, reader_language(voice.language), o.pronunciations)
        self._unread: deque[str] = deque()
        self._pushed = 0  # characters
        self._utterances: deque[Utterance] = deque()
        self._now: UtteranceSpeech | None = None
        self._finished = self._read = False
        #: Frames handed out before the utterance that is being said; and the mark at which the one before ended.
        self._begun, self._mark = 0, ""

    @property
    def ended(self) -> bool:
        """Whether all of the text has been said."""
        return self._read and self._now is None and not self._utterances

    def push(self, text: str) -> None:
        """More text. Raises ValueError, with one sentence, for what cannot be read."""
        if self._finished:
            raise ValueError("text has ended; no more may be pushed")
        if self._options.markup == "ssml":
            self._take(self._reader.push(text))
        else:
            check_characters(text, self._pushed)  # of text that comes whole, nothing is said if it cannot be
            self._pushed += len(text)
            self._unread.extend(text[i : i + _READ_AHEAD] for i in range(0, len(text), _READ_AHEAD))

    def finish(self) -> None:
        """There is no more text. Raises ValueError if there was nothing to say."""
        self._finished = True
        if self._options.markup == "ssml":
            self._fill()

    def next(self) -> MelPiece | None:
        """The next frames, some 160 ms of them; None where it takes more text first, or where all has been said.

        Raises ValueError, with one sentence, for what cannot be read, and if there was nothing to say.
        """
        self._fill()
        if self._now is None:
            if not self._utterances:
                return None
            utterance, o = self._utterances.popleft(), self._options
            silence = round(_BETWEEN.get(self._mark, 0.0) / o.rate * self._mel.sample_rate / self._mel.hop)
            self._now = UtteranceSpeech(self._network, self._mel, utterance, o.rate, o.pitch, silence)
            self._mark = utterance.tokens[-1].symbol
        now, hop = self._now, self._mel.hop
        frames, words, marks = now.next()
        spoken = tuple(
            Timing(word.text, word.begin, word.end, (self._begun + first) * hop, (self._begun + end) * hop)
            for word, first, end in words
        )
        reached = ((name, (self._begun + frame) * hop) for name, frame in marks)
        piece = MelPiece(frames, spoken, tuple(Timing(name, -1, -1, at, at) for name, at in reached))
        if now.ended:
            self._begun, self._now = self._begun + now.frames, None
        return piece

    def _fill(self) -> None:
        """Reads until there is something to say."""
        while self._now is None and not self._utterances and self._unread:
            self._take(self._reader.push(self._unread.popleft()))
        if self._now is None and not self._utterances and self._finished and not self._read:
            self._read = True
            self._take(self._reader.finish())

    def _take(self, utterances: list[Utterance]) -> None:
        for utterance in utterances:
            numbered(
                utterance.tokens, self._network.config
            )  # what cannot be said is heard of before it is its turn
        self._utterances.extend(utterances)


def reader_language(language: str) -> str:
    """What a reader calls a voice's language."""
    return "en-US" if language in ("", "en") else language
