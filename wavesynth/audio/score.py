"""What a recording costs under a voice, in bits: of the whole and of each frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Score"]


@dataclass(frozen=True, eq=False)
class Score:
    """How well a voice predicts a recording, sample by sample: the fewer bits, the better.

    A sample costs -log2 of the probability that the voice gives its value, given all samples before it and the log-mel
    of the recording (van den Oord et al., "WaveNet", 2016, eq. 1). Which values are told apart is the kind's: the
    μ-law classes of a WaveNet.
    """

    voice: str
    """Whose prediction it is."""
    speaker: str
    """As whom it was spoken; empty for a voice without speakers."""
    arithmetic: str
    """How it was computed: int8 as the fast samplers compute, or float32."""
    sample_rate: int
    """The voice's, in hertz: of the samples that were scored."""
    hop: int
    """Samples of a frame; the last one may have fewer."""
    samples: int
    """How many were scored."""
    bits: float
    """Of all samples together."""
    frame_bits: NDArray[np.float32]
    """Bits/sample of each frame, [ceil(samples / hop)]."""

    @classmethod
    def of(
        cls, voice: str, speaker: str, arithmetic: str, sample_rate: int, hop: int, bits: NDArray[np.float32]
    ) -> Score:
        """The score of samples that cost so many `bits` [N] each."""
        starts = np.arange(0, len(bits), hop)
        lengths = np.minimum(hop, len(bits) - starts)
        frames = np.add.reduceat(bits.astype(np.float64), starts)
        whole = math.fsum(frames.tolist())
        each = (frames / lengths).astype(np.float32)
        return cls(voice, speaker, arithmetic, sample_rate, hop, len(bits), whole, each)

    @property
    def bits_per_sample(self) -> float:
        """The mean over all samples."""
        return self.bits / self.samples

    @property
    def seconds(self) -> float:
        """How long the recording is."""
        return self.samples / self.sample_rate

    @property
    def frame_seconds(self) -> NDArray[np.float64]:
        """When each frame begins, [F]."""
        return np.arange(len(self.frame_bits), dtype=np.float64) * (self.hop / self.sample_rate)

    def to_json(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        names = ("voice", "speaker", "arithmetic", "sample_rate", "hop", "samples", "bits", "bits_per_sample")
        return {name: getattr(self, name) for name in names} | {
            "frame_bits_per_sample": [round(value, 4) for value in self.frame_bits.tolist()]
        }

    def to_csv(self) -> str:
        """A line for each frame: the second at which it begins, and its bits/sample."""
        rows = zip(self.frame_seconds.tolist(), self.frame_bits.tolist(), strict=True)
        return "seconds,bits_per_sample\n" + "".join(f"{at:.6g},{value:.4f}\n" for at, value in rows)
