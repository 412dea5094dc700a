"""What is said at once: phonemes and pauses, and where in the text they come from."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.models.text_config import PAUSES

__all__ = ["PAUSES", "Mark", "Token", "Utterance", "Word"]


@dataclass(frozen=True)
class Token:
    """A phoneme or a pause.

    `symbol` is a phoneme of the inventory (wavesynth.text.inventory) or one of PAUSES; `stress` is 0 for none, 1 for
    secondary, 2 for primary. `word` is the index of its word in `Utterance.words`, and -1 for a pause. `rate` and
    `pitch` are factors, of the speed and of the fundamental frequency, by SSML's `prosody`; they multiply those of the
    whole call. `seconds` is the length of a pause where SSML's `break` states it.
    """

    symbol: str
    stress: int = 0
    word: int = -1
    rate: float = 1.0
    pitch: float = 1.0
    seconds: float | None = None


@dataclass(frozen=True)
class Word:
    """A word as it is written: characters `begin` to `end` of the whole input text, markup included."""

    text: str
    begin: int
    end: int


@dataclass(frozen=True)
class Mark:
    """An SSML `mark`: `name` is reached before the token with the index `token` in `Utterance.tokens`.

    A mark at the very end of an utterance has `token == len(tokens)`.
    """

    name: str
    token: int


@dataclass(frozen=True)
class Utterance:
    """A sentence, or a part of a long one.

    The first token is "^". The last is "$", "_" (the sentence goes on in the next utterance), or a clause's mark.
    """

    tokens: tuple[Token, ...]
    words: tuple[Word, ...]
    marks: tuple[Mark, ...] = ()
