"""From the tokens of an utterance to what the decoder of a text network is given, frame by frame.

Training takes the durations and the pitch of recordings, speaking takes those that the network predicts; both come
through here. All is NumPy of single operations, so that the bits are the same on every processor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wavesynth.models.text_config import PAUSES, TextConfig
from wavesynth.text.utterance import Token

__all__ = [
    "MOST_DECODED",
    "Timeline",
    "frame_features",
    "numbered",
    "pitch_knots",
    "predicted_frames",
    "timeline",
]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

#: Frames that the decoder makes of a pause, at the most; what is longer is silent in its middle.
MOST_DECODED = 24
#: Frames that a phoneme may last.
_LONGEST = 200.0
#: Parts of a frame to which predictions are rounded: the last bits of a library's exponential depend on the processor.
_PARTS = 1024
#: Distances within a phoneme are told in tenths of a second, up to so many.
_TENTH, _FAR, _WHOLE = 10.0, 2.0, 3.0
#: Where in a phoneme its three pitches stand.
_KNOTS = (1 / 6, 1 / 2, 5 / 6)


def numbered(tokens: Sequence[Token], config: TextConfig) -> tuple[Ints, Ints, Ints]:
    """The number of each token's symbol, its stress, and the number of the mark by which its clause ends, [P] each.

    Raises ValueError for a symbol that the network does not know.
    """
    known = {symbol: number for number, symbol in enumerate(config.symbols)}
    if unknown := next((token.symbol for token in tokens if token.symbol not in known), None):
        phonemes = " ".join(symbol for symbol in config.symbols if symbol not in PAUSES)
        raise ValueError(f"phoneme is {unknown!r}, which this voice cannot say; it must be one of {phonemes}")
    clause, mark = np.zeros(len(tokens), np.int64), PAUSES.index("$")
    for i in reversed(range(len(tokens))):
        if tokens[i].symbol in PAUSES and tokens[i].symbol not in "^_":
            mark = PAUSES.index(tokens[i].symbol)
        clause[i] = mark
    symbols = np.array([known[token.symbol] for token in tokens], np.int64)
    return symbols, np.array([token.stress for token in tokens], np.int64), clause


def predicted_frames(
    tokens: Sequence[Token], logarithms: Floats, rate: float, frame_rate: float
) -> NDArray[np.float64]:
    """Frames that each token lasts [P], not yet whole: of the predicted ln(1 + frames) [P, 1], the speeds, and the
    seconds that a pause was given."""
    frames = np.zeros(len(tokens))
    for i, token in enumerate(tokens):
        if token.seconds is not None:
            frames[i] = token.seconds * frame_rate
            continue
        most = min(max(float(logarithms[i, 0]), 0.0), math.log(1 + _LONGEST))
        predicted = round((math.exp(most) - 1) * _PARTS) / _PARTS / (token.rate * rate)
        frames[i] = predicted if token.symbol in PAUSES else max(predicted, 1.0)
    return frames


@dataclass(frozen=True)
class Timeline:
    """When the tokens of an utterance are said, in frames."""

    edges: Ints
    """Where each token begins, and the last one ends, [P + 1]."""
    decoded: Ints
    """Frames that the decoder makes of each token, [P]."""
    source: Ints
    """Of each frame, the number of the decoder's frame that it is; -1 where it is silent."""


def timeline(frames: NDArray[np.float64], tokens: Sequence[Token]) -> Timeline:
    """The whole frames of tokens that last so long [P]: sums are rounded, so that errors do not add up."""
    ends = np.floor(np.cumsum(frames) + 0.5).astype(np.int64)
    edges = np.concatenate([np.zeros(1, np.int64), ends])
    durations = np.diff(edges)
    pause = np.array([token.symbol in PAUSES for token in tokens])
    decoded = np.where(pause, np.minimum(durations, MOST_DECODED), durations)
    source, at = np.full(int(edges[-1]), -1, np.int64), 0
    for begin, whole, made in zip(edges.tolist(), durations.tolist(), decoded.tolist(), strict=False):
        head = made - made // 2
        source[begin : begin + head] = np.arange(at, at + head)
        source[begin + whole - made // 2 : begin + whole] = np.arange(at + head, at + made)
        at += made
    return Timeline(edges, decoded, source)


def pitch_knots(durations: Ints) -> NDArray[np.float64]:
    """Where the three pitches of each token stand, in frames, [P, 3]."""
    begin = np.cumsum(durations) - durations
    return begin[:, None] + durations[:, None] * np.array(_KNOTS)


def frame_features(durations: Ints, pitch: Floats) -> tuple[Ints, Floats]:
    """The number of each frame's token, [F], and what the decoder is told of the frame, [F, FEATURES]: where it is in
    its token, its height of pitch, and how near that is to each of the network's heights.

    `durations` [P] are frames; `pitch` [frames] are their heights, in standard deviations. F is a whole number of
    steps: where the last one is not full, its last frame stands twice.
    """
    index = np.repeat(np.arange(len(durations)), durations)
    if len(index) % TextConfig.FRAMES:
        index, pitch = np.append(index, index[-1]), np.append(pitch, pitch[-1])
    begin = (np.cumsum(durations) - durations)[index]
    since = np.minimum(np.arange(len(index)) - begin, durations[index] - 1).astype(np.float32) + np.float32(
        0.5
    )
    whole = durations[index].astype(np.float32)
    share = since / whole
    tenths = [since / _TENTH, (whole - since) / _TENTH, whole / _TENTH]
    place = [share, *(np.minimum(t, m) for t, m in zip(tenths, (_FAR, _FAR, _WHOLE), strict=True))]
    heights = np.linspace(-TextConfig.HIGHEST, TextConfig.HIGHEST, TextConfig.HEIGHTS, dtype=np.float32)
    apart = np.float32(2 * TextConfig.HIGHEST / (TextConfig.HEIGHTS - 1))
    height = np.clip(pitch, -TextConfig.HIGHEST, TextConfig.HIGHEST).astype(np.float32)
    near = np.maximum(1 - np.abs(height[:, None] - heights) / apart, 0)
    features = np.column_stack([*place, 4 * share * (1 - share), height, near])
    return index, features.astype(np.float32)
