"""How a stream arrived, as its listener would notice it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Timing", "percentiles"]


@dataclass
class Timing:
    """Notes when each chunk of a call arrives; all times are seconds of one monotonic clock.

    A player that starts with the first chunk and never waits runs dry when the next sample has not arrived: an
    underrun. It then goes on with what arrives, that much later.
    """

    started: float
    """When the call was made."""
    arrivals: list[float] = field(default_factory=list)
    underruns: int = 0
    samples: int = 0
    sample_rate: int = 1
    _dry: float = 0.0  # when the player has played all that has arrived

    def arrived(self, now: float, samples: int, sample_rate: int) -> None:
        """Notes a chunk of `samples` samples."""
        late = now > self._dry
        self.underruns += late and bool(self.arrivals)
        self._dry = (now if late else self._dry) + samples / sample_rate
        self.arrivals.append(now)
        self.samples += samples
        self.sample_rate = sample_rate

    @property
    def ahead(self) -> float:
        """Seconds of audio that had not been played when the last chunk arrived."""
        return self._dry - self.arrivals[-1] if self.arrivals else 0.0

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
        }


def percentiles(seconds: list[float], of: tuple[int, ...] = (50, 95, 99)) -> dict[str, float]:
    """Percentiles and the largest of `seconds`, in milliseconds: {"p50": ..., "max": ...}."""
    values = np.array(seconds or [0.0]) * 1000
    return {f"p{q}": float(np.percentile(values, q)) for q in of} | {"max": float(values.max())}
