"""Bits/sample of a voice on recordings that it has never heard, in full precision and as it is served."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.audio.companding import encode
from wavesynth.audio.mel import log_mel
from wavesynth.data.processes import share_out
from wavesynth.evaluation.likelihood import likelihood
from wavesynth.sampling.float32 import Float32Weights
from wavesynth.sampling.int8 import Int8Weights
from wavesynth.sampling.weights import Weights
from wavesynth.voices.wavenet import WaveNetVoice

__all__ = ["MAX_SECONDS", "Bits", "measure_bits"]

#: Seconds of a split that are scored; of a longer one, as much is spread over it.
MAX_SECONDS = 150.0
#: Frames that are scored at once: all layers' activations of so many samples are in memory together.
PIECE_FRAMES = 200


@dataclass(frozen=True)
class Bits:
    """Bits/sample. The int8 arithmetic is slow to follow exactly, so it is measured on a part of the recordings."""

    float32: float
    """On `seconds`: all, or MAX_SECONDS of them."""
    seconds: float
    int8: float
    """On `int8_seconds`, spread over the recordings."""
    int8_seconds: float
    float32_there: float
    """float32 on the same `int8_seconds`: what int8 is to be compared with."""


@dataclass(frozen=True, eq=False)
class _Piece:
    """Up to PIECE_FRAMES frames of a recording, from frame `first` on."""

    waveform: Tensor
    """The whole recording, [N]."""
    first: int
    samples: int
    """How many are scored."""


@dataclass(frozen=True)
class _Score:
    """Nats that a piece costs."""

    samples: int
    float32: float
    int8: float | None


@dataclass(frozen=True)
class _Scorer:
    voice: WaveNetVoice
    speaker: int | None
    exact: Float32Weights
    served: Int8Weights

    def __call__(self, work: tuple[_Piece, bool]) -> _Score:
        """Scores a piece, in int8 too if asked."""
        piece, also_int8 = work
        inputs = _inputs(self.voice, piece, self.speaker)
        float32 = _nats(self.exact, piece, *inputs)
        return _Score(piece.samples, float32, _nats(self.served, piece, *inputs) if also_int8 else None)


def measure_bits(
    voice: WaveNetVoice,
    recordings: Iterable[tuple[str, Tensor]],
    speaker: int | None = None,
    int8_seconds: float = 8.0,
    processes: int = 1,
    track: Callable[[Iterable[_Score], int], Iterable[_Score]] = lambda scores, total: scores,
) -> Bits:
    """Scores every sample of the recordings [N], or about MAX_SECONDS of them, given all before it in float32, and
    about `int8_seconds` of these in int8.

    `track` takes the scores as they come and their number, and passes them on, to show progress. Raises
    ValueError when there are no recordings.
    """
    hop = voice.hop
    step = PIECE_FRAMES * hop
    pieces = [
        _Piece(waveform, start // hop, min(step, len(waveform) - start))
        for _, waveform in recordings
        for start in range(0, len(waveform), step)
    ]
    if not pieces:
        raise ValueError("there are no recordings to predict")
    total = sum(piece.samples for piece in pieces)
    if total > MAX_SECONDS * voice.sample_rate:
        pieces = _spread(pieces, round(len(pieces) * MAX_SECONDS * voice.sample_rate / total))
        total = sum(piece.samples for piece in pieces)
    share = round(len(pieces) * int8_seconds * voice.sample_rate / total)
    followed = _spread(pieces, share)
    work = [(piece, piece in followed) for piece in pieces]
    scorer = _Scorer(voice, speaker, voice.float32(), voice.int8())
    scores = list(track(share_out(scorer, work, processes), len(work)))
    both = [(score.samples, score.int8, score.float32) for score in scores if score.int8 is not None]
    scored, int8, float32_there = (sum(column) for column in zip(*both, strict=True))
    return Bits(
        float32=sum(score.float32 for score in scores) / total / math.log(2),
        seconds=total / voice.sample_rate,
        int8=int8 / scored / math.log(2),
        int8_seconds=scored / voice.sample_rate,
        float32_there=float32_there / scored / math.log(2),
    )


def _spread(pieces: list[_Piece], count: int) -> list[_Piece]:
    """About `count` of the pieces, at least one, evenly over them."""
    places = np.linspace(0, len(pieces) - 1, min(max(1, count), len(pieces)))
    return [pieces[place] for place in sorted({round(place) for place in places})]


def _nats(weights: Weights, piece: _Piece, tokens: Tensor, targets: Tensor, conditioning: Tensor) -> float:
    return float(likelihood(weights, tokens, targets, conditioning)[-piece.samples :].double().sum())


@torch.inference_mode()
def _inputs(voice: WaveNetVoice, piece: _Piece, speaker: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, targets and conditioning of the piece and of the receptive field before it."""
    c = voice.config
    begin = max(0, piece.first - -(-c.receptive_field // c.hop))
    end = piece.first + -(-piece.samples // c.hop)
    samples = slice(begin * c.hop, piece.first * c.hop + piece.samples)
    targets = encode(piece.waveform, c.classes, voice.preemphasis)
    tokens = torch.cat([torch.tensor([c.start_token]), targets[:-1]])
    of_speaker = None if speaker is None else torch.tensor([speaker])
    mel = None
    if c.mel_bands:
        track = log_mel(piece.waveform, voice.mel)
        if voice.converter is not None:
            track = voice.converter.convert(track[None], voice.mel.silence)[0]
        track = F.pad(track, (0, 0, c.mel_context, c.mel_context), value=voice.mel.silence)
        mel = track[None, begin : end + 2 * c.mel_context]
    conditioning = voice.model.conditioning(mel, of_speaker, frames=end - begin)[0]
    return tokens[samples], targets[samples], conditioning
