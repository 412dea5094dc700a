"""Text to phonemes: markup, sentences, words as they are spoken, pronunciations.

`TextReader` takes text in pieces and gives `Utterance`s. Nothing here computes audio, and nothing needs PyTorch.
"""

from __future__ import annotations

from wavesynth.text.reader import TextReader
from wavesynth.text.spoken_form import spoken_form
from wavesynth.text.utterance import PAUSES, Mark, Token, Utterance, Word

__all__ = ["PAUSES", "Mark", "TextReader", "Token", "Utterance", "Word", "spoken_form"]
