"""Audio fingerprints: 32 bits a frame by which a recording is known again, however it was cut, coded or levelled.

A bit says whether the difference of energy between two neighbouring bands has grown or shrunk since the frame 0.1 s
before (Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System", 2002). Frames are so long that half a hop of
misalignment changes few bits: of the same take one in twenty differs, coded anew one in seven, of any other one in two.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["LAG", "Words", "bit_errors", "fingerprint"]

Words = NDArray[np.uint32]

#: Seconds of a frame.
_FRAME = 0.256
#: Seconds between the two frames that a word compares.
LAG = 0.1
#: Hertz where the lowest band begins: telephones and small loudspeakers carry what is above.
_LOWEST = 300.0
#: Hertz where the highest band ends, for the same reason. Each is as much wider than the one below as that is than its.
_HIGHEST = 3000.0
#: Bits of a word, as `Words` has them: one for each two neighbouring bands.
_BITS = 32


def fingerprint(waveform: Tensor, sample_rate: int, hop: float) -> Words:
    """The words [F] of a waveform [N]: word t compares what lies around t · hop seconds and `LAG` later.

    Less than `LAG` seconds have none. `hop` divides `LAG`.
    """
    n, step, lag = round(_FRAME * sample_rate), round(hop * sample_rate), round(LAG / hop)
    padded = torch.nn.functional.pad(waveform, (n // 2, n // 2))
    spectrum = torch.stft(padded, n, step, window=torch.hann_window(n), center=False, return_complex=True)
    edges = torch.from_numpy(np.geomspace(_LOWEST, _HIGHEST, _BITS + 2)) * n / sample_rate  # bins
    first = int(edges[0])
    power = spectrum[first : int(edges[-1]) + 1].abs().square()
    below, edges = torch.nn.functional.pad(power.cumsum(0), (0, 0, 1, 0)), edges - first  # [bins + 1, F]
    whole, part = edges.long(), (edges - edges.floor()).float()[:, None]
    energy = (below[whole] * (1 - part) + below[whole + 1] * part).diff(dim=0)  # [bands, F]
    slope = energy.clamp(min=1e-12).log().diff(dim=0)  # [bits, F]
    grown = slope[:, lag:] > slope[:, :-lag]
    return (grown.long() << torch.arange(_BITS)[:, None]).sum(0).numpy().astype(np.uint32)


def bit_errors(one: Words, other: Words) -> NDArray[np.float64]:
    """The share of bits that differ, for each pair of words."""
    return np.bitwise_count(one ^ other) / _BITS
