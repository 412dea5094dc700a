"""Bits/sample of a voice on recordings that it has never heard, in full precision and as it is served."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.data.processes import share_out
from wavesynth.engine.converted import conditioning_mel
from wavesynth.voices.voice import Voice

__all__ = ["MAX_SECONDS", "Bits", "measure_bits"]

#: Seconds of a split that are scored; of a longer one, as much is spread over it.
MAX_SECONDS = 150.0
#: Frames of a piece that is scored or left out.
PIECE_FRAMES = 200
#: The arithmetic that all is scored in.
_EXACT = "float32"


@dataclass(frozen=True)
class Bits:
    """Bits/sample. What is served in another arithmetic than float32 is measured in that too, on a part."""

    float32: float
    """On `seconds`: all, or MAX_SECONDS of them."""
    seconds: float
    int8: float | None
    """On `int8_seconds`, spread over the recordings; None for a voice that is served in float32."""
    int8_seconds: float
    float32_there: float | None
    """float32 on the same `int8_seconds`: what int8 is to be compared with."""


@dataclass(frozen=True, eq=False)
class _Piece:
    """A piece of a recording, from sample `first` to `end`."""

    waveform: NDArray[np.float32]
    """The whole recording, [N]."""
    mel: NDArray[np.float32] | None
    first: int
    end: int

    @property
    def samples(self) -> int:
        """How many are scored."""
        return self.end - self.first


@dataclass(frozen=True)
class _Score:
    """Bits that a piece costs."""

    samples: int
    float32: float
    int8: float | None


@dataclass(frozen=True)
class _Scorer:
    voice: Voice
    speaker: int | None

    def __call__(self, work: tuple[_Piece, bool]) -> _Score:
        """Scores a piece, in int8 too if asked."""
        piece, also_int8 = work
        served = self._bits(piece, "int8") if also_int8 else None
        return _Score(piece.samples, self._bits(piece, _EXACT), served)

    def _bits(self, piece: _Piece, arithmetic: str) -> float:
        given = piece.waveform, piece.mel, self.speaker, piece.first, piece.end
        return float(self.voice.of_kind.bits(self.voice, *given, arithmetic).sum(dtype=np.float64))


def measure_bits(
    voice: Voice,
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
    step = PIECE_FRAMES * voice.hop
    whole = [waveform.numpy() for _, waveform in recordings]
    pieces = [
        _Piece(waveform, mel, first, min(first + step, len(waveform)))
        for waveform, mel in ((waveform, conditioning_mel(voice, waveform)) for waveform in whole)
        for first in range(0, len(waveform), step)
    ]
    if not pieces:
        raise ValueError("there are no recordings to predict")
    total = sum(piece.samples for piece in pieces)
    if total > MAX_SECONDS * voice.sample_rate:
        pieces = _spread(pieces, round(len(pieces) * MAX_SECONDS * voice.sample_rate / total))
        total = sum(piece.samples for piece in pieces)
    share = round(len(pieces) * int8_seconds * voice.sample_rate / total)
    followed = _spread(pieces, share) if "int8" in voice.of_kind.likelihoods else []
    work = [(piece, piece in followed) for piece in pieces]
    scores = list(track(share_out(_Scorer(voice, speaker), work, processes), len(work)))
    there = [score for score in scores if score.int8 is not None]
    scored = sum(score.samples for score in there)
    return Bits(
        float32=sum(score.float32 for score in scores) / total,
        seconds=total / voice.sample_rate,
        int8=sum(score.int8 or 0.0 for score in there) / scored if there else None,
        int8_seconds=scored / voice.sample_rate,
        float32_there=sum(score.float32 for score in there) / scored if there else None,
    )


def _spread(pieces: list[_Piece], count: int) -> list[_Piece]:
    """About `count` of the pieces, at least one, evenly over them."""
    places = np.linspace(0, len(pieces) - 1, min(max(1, count), len(pieces)))
    return [pieces[place] for place in sorted({round(place) for place in places})]
