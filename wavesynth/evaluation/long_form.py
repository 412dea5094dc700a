"""Whether a long stream stays what its beginning was: no click where pieces meet, no drift in time, no runaway.

The recordings of a split, one after the other, are one long input; its copy is one stream. All figures compare copy
and original at the same place, so what the recordings do themselves does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate, correlation_lags

from wavesynth.evaluation.metrics import log_mel_distance

__all__ = ["LongForm", "long_input", "measure_long_form"]

Samples = NDArray[np.float32]

_BLOCK = 10.0  # seconds over which level, distance and delay are measured
_FARTHEST = 400  # samples: a delay is looked for within 25 ms


@dataclass(frozen=True)
class LongForm:
    """What became of a long stream."""

    seconds: float
    boundary_ratio: float
    """RMS of the second difference across frame and chunk boundaries, to that at all other samples: 1 without
    clicks."""
    boundary_ratio_original: float
    """The same of the original, which knows of no boundary: how much of it is chance."""
    level_drift_db: float
    """Level of the copy over the original's, in the last block less in the first, decibels."""
    level_worst_db: float
    """The block in which the two levels are farthest apart, decibels."""
    delay_samples: int
    """Delay of the copy's envelope behind the original's in the last block; 0 without drift."""
    log_mel_first_db: float
    log_mel_last_db: float
    """Log-mel distance in the first and the last block."""


def long_input(recordings: Iterable[Samples], seconds: float, sample_rate: int) -> Samples:
    """The recordings [N], joined and from the first again if need be, of exactly `seconds`."""
    wanted = round(seconds * sample_rate)

    def pieces() -> Iterator[Samples]:
        gathered = 0
        for piece in cycle(recordings):
            yield piece
            gathered += len(piece)
            if gathered >= wanted:
                return

    return np.concatenate(list(pieces()))[:wanted]


def measure_long_form(original: Samples, copy: Samples, hop: int, sample_rate: int) -> LongForm:
    """Figures of a copy [N] of a long original [N]; ValueError when it is not as long, or below two blocks."""
    block = round(_BLOCK * sample_rate)
    if len(copy) != len(original) or len(original) < 2 * block:
        raise ValueError(
            f"the copy has {len(copy)} samples and the original {len(original)}; they must be as long, and at "
            f"least {2 * block}"
        )
    parts = [slice(at, at + block) for at in range(0, len(original) - block + 1, block)]
    levels = [20 * float(np.log10(_rms(copy[part]) / _rms(original[part]))) for part in parts]
    first, last = parts[0], parts[-1]
    return LongForm(
        seconds=len(original) / sample_rate,
        boundary_ratio=_boundary_ratio(copy, hop),
        boundary_ratio_original=_boundary_ratio(original, hop),
        level_drift_db=levels[-1] - levels[0],
        level_worst_db=max(levels, key=abs),
        delay_samples=_delay(original[last], copy[last]),
        log_mel_first_db=log_mel_distance(original[first], copy[first]),
        log_mel_last_db=log_mel_distance(original[last], copy[last]),
    )


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def _boundary_ratio(samples: Samples, hop: int) -> float:
    bend = np.diff(samples.astype(np.float64), 2)  # bend[i] is about sample i + 1
    place = (np.arange(len(bend)) + 1) % hop
    across = (place == 0) | (place == hop - 1)  # those that see both sides of a boundary
    return float(np.sqrt(np.mean(bend[across] ** 2) / np.mean(bend[~across] ** 2)))


def _delay(original: Samples, copy: Samples) -> int:
    """Samples by which the envelope of `copy` lags behind that of `original`."""
    window = np.hanning(801) / 400  # 50 ms: longer than a pitch period, whose place is the voice's to choose
    a, b = (np.convolve(np.abs(samples), window, "same") for samples in (original, copy))
    speaker_similarity = correlate(b - b.mean(), a - a.mean(), "same", "fft")
    lags = correlation_lags(len(b), len(a), "same")
    near = np.abs(lags) <= _FARTHEST
    return int(lags[near][np.argmax(speaker_similarity[near])])
