"""One utterance as it is said: planned when it is begun, its frames made some at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.analysis import MelConfig
from wavesynth.models.text_config import TextConfig
from wavesynth.text.network import SpeakingNetwork
from wavesynth.text.planning import frame_features, numbered, pitch_knots, predicted_frames, timeline
from wavesynth.text.utterance import Utterance, Word

__all__ = ["UtteranceSpeech"]

#: Frames that are handed out at a time, and steps of the decoder that are made at a time.
_PIECE = 16
_STEPS = 8
#: Decimals of a logarithm: the last bits of a library's depend on the processor.
_DECIMALS = 6


class UtteranceSpeech:
    """The log-mel of an utterance, after so many frames of silence.

    Durations and prosody are predicted at once, for the whole of it; the decoder's frames are made as they are asked
    for.
    """

    def __init__(
        self,
        network: SpeakingNetwork,
        mel: MelConfig,
        utterance: Utterance,
        rate: float = 1.0,
        pitch: float = 1.0,
        silence: int = 0,
    ) -> None:
        self._network, self._utterance, self._floor = network, utterance, np.float32(mel.silence)
        tokens = utterance.tokens
        encoded = network.encode(*numbered(tokens, network.config))
        logarithms, prosody = network.predict(encoded)
        lasting = predicted_frames(tokens, logarithms, rate, mel.sample_rate / mel.hop)
        self._timeline = timeline(lasting, tokens)
        durations = self._timeline.decoded
        factors = [round(math.log(token.pitch * pitch), _DECIMALS) for token in tokens]
        prosody[:, :3] += (np.array(factors, np.float32) / network.pitch_range[1])[:, None]
        at = pitch_knots(durations).reshape(-1)
        heights = np.interp(np.arange(durations.sum()) + 0.5, at, prosody[:, :3].reshape(-1))
        index, features = frame_features(durations, heights.astype(np.float32))
        frames = np.concatenate([np.concatenate([encoded, prosody], 1)[index], features], 1)
        self._steps = np.ascontiguousarray(frames.reshape(-1, TextConfig.FRAMES * frames.shape[1]))
        self._decoder = network.stacks["decoder"].stream()
        self._given = 0
        #: Frames of the decoder from number `_first` on: those that may still be needed.
        self._made, self._first = np.zeros((0, network.config.bands), np.float32), 0
        self._edges = self._timeline.edges + silence
        self._source = np.concatenate([np.full(silence, -1, np.int64), self._timeline.source])
        self._at = 0
        self._words = self._spans()
        self._marks = [(mark.name, int(self._edges[mark.token])) for mark in utterance.marks]

    @property
    def frames(self) -> int:
        """How many there are in all."""
        return len(self._source)

    @property
    def ended(self) -> bool:
        """Whether all have been handed out."""
        return self._at == self.frames

    def next(
        self,
    ) -> tuple[NDArray[np.float32], list[tuple[Word, int, int]], list[tuple[str, int]]]:
        """The next frames, [f, bands]; the words that begin in them, with their first frame and the one after their
        last; the marks that are reached in them, with their frame."""
        end = min(self._at + _PIECE, self.frames)
        source = self._source[self._at : end]
        needed = int(source.max(initial=-1)) + 1
        while self._first + len(self._made) < needed:
            self._make()
        frames = np.tile(self._network.silence, (len(source), 1))
        spoken = source >= 0
        frames[spoken] = self._made[source[spoken] - self._first]
        if needed:
            self._made, self._first = self._made[needed - self._first :], needed
        self._at = end
        until = end if end < self.frames else end + 1  # what comes at the very end comes with the last frames
        words = [word for word in self._words if word[1] < until]
        marks = [mark for mark in self._marks if mark[1] < until]
        self._words, self._marks = self._words[len(words) :], self._marks[len(marks) :]
        return frames, words, marks

    def _make(self) -> None:
        """Makes some more of the decoder's frames."""
        n = self._network
        if self._given < len(self._steps):
            steps = self._decoder.push(self._steps[self._given : self._given + _STEPS])
            self._given += _STEPS
        else:
            steps = self._decoder.finish()
        made = np.maximum(steps.reshape(-1, n.config.bands) * n.scale + n.mean, self._floor)
        self._made = np.concatenate([self._made, made])

    def _spans(self) -> list[tuple[Word, int, int]]:
        """Each word with its first frame and the one after its last, in the order in which they begin."""
        tokens: dict[int, list[int]] = {}
        for number, token in enumerate(self._utterance.tokens):
            if token.word >= 0:
                tokens.setdefault(token.word, []).append(number)
        found = [
            (self._utterance.words[word], int(self._edges[its[0]]), int(self._edges[its[-1] + 1]))
            for word, its in tokens.items()
        ]
        return sorted(found, key=lambda span: span[1])
