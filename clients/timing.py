"""How a stream arrived, as its listener would notice it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["BUFFER", "Timing", "percentiles"]

#: Seconds of audio that a player has in hand before it begins: the margin that `wavesynth live` begins with. A player
#: with none would run dry whenever a first chunk is shorter than the time that the next one takes.
BUFFER = 0.02


@dataclass
class Timing:
    """Notes when each chunk of a call arrives; all times are seconds of one monotonic clock.

    Its player begins once it has `BUFFER` in hand, and runs dry when the next sample has not arrived: an underrun. It
    then begins again.
    """

    started: float
    """When the call was made."""
    live: bool = False
    """Whether its player begins `BUFFER` after the first chunk, however long that is: the input comes in real time, so
    that no more than this will ever be in hand."""
    arrivals: list[float] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    """Seconds of audio in each chunk."""
    dry: list[float] = field(default_factory=list)
    """When each chunk arrived that was too late for the player."""
    samples: int = 0
    sample_rate: int = 1
    _dry: float | None = None  # when the player has played all that has arrived; None while it waits
    _in_hand: float = 0.0  # seconds of audio that it waits with

    def arrived(self, now: float, samples: int, sample_rate: int) -> None:
        """Notes a chunk of `samples` samples."""
        if self._dry is not None and now > self._dry:
            self.dry.append(now)
            self._dry = None
        if self._dry is not None:
            self._dry += samples / sample_rate
        else:
            self._in_hand += samples / sample_rate
            if self.live or self._in_hand >= BUFFER:
                self._dry, self._in_hand = now + self._in_hand + BUFFER * self.live, 0.0
        self.arrivals.append(now)
        self.lengths.append(samples / sample_rate)
        self.samples += samples
        self.sample_rate = sample_rate

    @property
    def underruns(self) -> int:
        """How often the player ran dry."""
        return len(self.dry)

    @property
    def ahead(self) -> float:
        """Seconds of audio that had not been played when the last chunk arrived."""
        return self._in_hand if self._dry is None else self._dry - self.arrivals[-1]

    def gaps(self) -> list[float]:
        """Seconds from each chunk to the next."""
        return [float(gap) for gap in np.diff(self.arrivals)]

    @property
    def time_to_first_audio(self) -> float:
        """Seconds from the call to its first chunk."""
        return self.arrivals[0] - self.started

    @property
    def real_time_factor(self) -> float:
        """Seconds of audio a second, from the call to its last chunk; above 1 is faster than real time."""
        return self.samples / self.sample_rate / (self.arrivals[-1] - self.started)

    def figures(self) -> dict[str, Any]:
        """What there is to print."""
        return {
            "seconds": self.samples / self.sample_rate,
            "samples": self.samples,
            "time_to_first_audio_ms": 1000 * self.time_to_first_audio,
            "real_time_factor": self.real_time_factor,
            "chunks": len(self.arrivals),
            "chunk_gap_ms": percentiles(self.gaps()),
            "underruns": self.underruns,
            "player_buffer_ms": 1000 * BUFFER,
        }


def percentiles(seconds: list[float], of: tuple[int, ...] = (50, 95, 99)) -> dict[str, float]:
    """Percentiles and the largest of `seconds`, in milliseconds: {"p50": ..., "max": ...}."""
    values = np.array(seconds or [0.0]) * 1000
    return {f"p{q}": float(np.percentile(values, q)) for q in of} | {"max": float(values.max())}
