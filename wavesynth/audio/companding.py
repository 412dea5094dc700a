"""Pre-emphasis and μ-law companding: a waveform as classes, and back.

Speech has little energy above 1 kHz, and μ-law's quantisation noise is white: without pre-emphasis the
noise would stand well above the treble. So the model hears and speaks a pre-emphasised signal, and its
output is de-emphasised, which tilts the noise down with the speech (Valin and Skoglund, "LPCNet", 2019,
sec. 3.1). Eight bits of μ-law are ITU-T G.711's curve, as in van den Oord et al., "WaveNet", 2016, sec. 2.2.

Waveforms are float32 PyTorch tensors [N] within [-1, 1] where a network learns. Where audio leaves it, one chunk at a
time, they are NumPy arrays, and PyTorch is not imported: see `levels`, `Deemphasis` and `classes_of`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "PREEMPHASIS",
    "Deemphasis",
    "class_width",
    "classes_of",
    "decode",
    "deemphasize",
    "encode",
    "levels",
    "preemphasis",
    "preemphasised",
]

#: The coefficient of the shipped voices.
PREEMPHASIS = 0.85
#: Below so many streams it is quicker to filter one after the other.
_FEW = 16


def preemphasis(waveform: Tensor, coefficient: float = PREEMPHASIS) -> Tensor:
    """y[t] = x[t] - coefficient · x[t-1], with silence before the first sample: [..., N] → [..., N]."""
    out = waveform.clone()
    out[..., 1:] -= coefficient * waveform[..., :-1]
    return out


class Deemphasis:
    """The inverse filter, y[t] = x[t] + coefficient · y[t-1], over a stream.

    A `Stage` (wavesynth.audio.stage). `state` [1] is all it remembers. The samples are filtered one after the other in
    float64, so the bytes do not depend on where the stream was cut.

    >>> whole, parts = Deemphasis(0.85), Deemphasis(0.85)
    >>> x = np.array([1.0, 0.0, 0.0])
    >>> np.array_equal(whole.push(x), np.concatenate([parts.push(x[:1]), parts.push(x[1:])]))
    True
    """

    def __init__(self, coefficient: float = PREEMPHASIS) -> None:
        self.coefficient = coefficient
        self.state = np.zeros(1)

    look_ahead = 0
    #: It never forgets wholly, but soon: with a coefficient of 0.85, less than half a step of 16 bits is left of a
    #: sample after 69 more.
    warm_up = 0
    start_up = 1

    def push(self, chunk: NDArray[np.floating]) -> NDArray[np.float32]:
        """The next samples [N], float32; they may go a little beyond ±1."""
        coefficient, last, out = self.coefficient, float(self.state[0]), []
        for sample in np.asarray(chunk, np.float64).tolist():
            last = sample + coefficient * last
            out.append(last)
        self.state = np.array([last])
        return np.array(out, np.float64).astype(np.float32)

    def finish(self) -> NDArray[np.float32]:
        """Nothing: every sample came out as it came in."""
        return np.zeros(0, np.float32)


def deemphasize(filters: Sequence[Deemphasis], chunks: NDArray[np.floating]) -> NDArray[np.float32]:
    """What each filter's `push` gives of its row of `chunks` [B, N], to the bit; all have one coefficient."""
    if len(filters) < _FEW:
        return np.stack([f.push(chunk) for f, chunk in zip(filters, chunks, strict=True)])
    coefficient, last = filters[0].coefficient, np.concatenate([f.state for f in filters])
    out = np.array(np.transpose(chunks), np.float64, order="C")  # [N, B]
    for row in out:
        row += coefficient * last
        last = row
    for f, state in zip(filters, last.tolist(), strict=True):
        f.state = np.array([state])
    return out.T.astype(np.float32, order="C")


def encode(waveform: Tensor, classes: int = 256, coefficient: float = PREEMPHASIS) -> Tensor:
    """Pre-emphasised μ-law classes, int64 [..., N] from 0 to classes - 1; what exceeds ±1 is clipped."""
    import torch

    x = preemphasis(waveform.float(), coefficient).clamp(-1, 1)
    mu = torch.tensor(classes - 1.0)
    companded = x.sign() * torch.log1p(mu * x.abs()) / torch.log1p(mu)
    return ((companded + 1) / 2 * mu + 0.5).long()


def levels(classes: int = 256, mid_tread: bool = False) -> NDArray[np.float32]:
    """The sample that each μ-law class stands for, still pre-emphasised: [classes].

    An even number of classes has none at zero (a mid-rise quantiser): silence would be half a step above it, and
    de-emphasis would make 1 / (1 - coefficient) times as much of that, 19 steps of 16 bits. With `mid_tread` the two
    classes next to zero both stand for zero. Both: if one alone did, quiet noise, which alternates between them,
    would be shifted instead.
    """
    numbers = np.arange(classes)
    waveform = _expanded(numbers, classes)
    if mid_tread:
        waveform[np.abs(2 * numbers - (classes - 1)) <= 1] = 0
    return waveform


def _expanded(numbers: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """The inverse of μ-law's curve at classes' numbers, or between them: [n]."""
    mu, one = np.float32(classes - 1), np.float32(1)
    companded = numbers.astype(np.float32) / mu * np.float32(2) - one
    # Logarithm and power are those of float64, rounded once: a float32 library's last bits depend on the processor.
    exponent = np.abs(companded) * np.float32(np.log1p(np.float64(mu)))
    expanded: NDArray[np.float32] = (
        np.sign(companded) * (np.exp(exponent.astype(np.float64)).astype(np.float32) - one) / mu
    )
    return expanded


def preemphasised(waveform: NDArray[np.float32], coefficient: float = PREEMPHASIS) -> NDArray[np.float32]:
    """`preemphasis` without PyTorch: float32 [N] of a waveform [N]."""
    x = waveform.astype(np.float32)
    x[1:] -= np.float32(coefficient) * waveform[:-1]
    return x


def classes_of(
    waveform: NDArray[np.float32], classes: int = 256, coefficient: float = PREEMPHASIS
) -> NDArray[np.int32]:
    """`encode` without PyTorch: int32 [N] of a waveform [N]. A sample within a rounding error of the bound between two
    classes may be in the other one."""
    x = preemphasised(waveform, coefficient)
    bounds = _expanded(np.arange(1, classes) - 0.5, classes)  # what belongs to the class above it
    return np.searchsorted(bounds, x, side="right").astype(np.int32)


def class_width(magnitude: Any, classes: int = 256) -> Any:
    """The width of a μ-law class at samples of a magnitude [...], a tensor or an array: [...]. It is the slope of the
    inverse of μ-law's curve, times the distance of two classes before it."""
    mu = classes - 1.0
    return (1 + mu * magnitude) * (2 * math.log1p(mu) / mu**2)


def decode(tokens: Tensor, classes: int = 256, mid_tread: bool = False) -> Tensor:
    """The float32 waveform [..., N] of μ-law classes, still pre-emphasised: `levels` says of each class what it stands
    for, and `Deemphasis` comes after."""
    import torch

    return torch.from_numpy(levels(classes, mid_tread)).to(tokens.device)[tokens.long()]
