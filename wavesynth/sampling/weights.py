"""A WaveNet's weights, packed once for sampling: immutable, shared by all streams, and without PyTorch.

Of both kinds, `float32.Float32Weights` and `int8.Int8Weights`, `arithmetic` is the definition, in PyTorch: the samplers
in `reference` are written on that alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from wavesynth.models.wavenet_config import start_token
from wavesynth.sampling.state import State

if TYPE_CHECKING:
    from torch import Tensor

    from wavesynth.sampling.arithmetic import Arithmetic

__all__ = ["Weights", "check"]


@dataclass(frozen=True, eq=False)
class Weights(ABC):
    """What a sampler needs of a network: L layers, R residual, S skip and A output channels."""

    dilations: tuple[int, ...]
    hop: int
    """Samples over which one conditioning frame is held."""
    embedding: NDArray[np.float32]
    """[A, R]"""

    #: The type of a queue's entries, and the entry that stands before the first sample.
    entry: ClassVar[tuple[type, int]]

    @property
    @abstractmethod
    def reversible(self) -> bool:
        """Whether a layer's residual is added to the input of the layer before it, and not to its own."""

    @property
    def layers(self) -> int:
        """L."""
        return len(self.dilations)

    @property
    def residual_channels(self) -> int:
        """R."""
        return self.embedding.shape[1]

    @property
    def classes(self) -> int:
        """A."""
        return self.embedding.shape[0]

    @property
    def start_token(self) -> int:
        """The class that stands before the first sample: μ-law's zero."""
        return start_token(self.classes)

    @property
    def entry_width(self) -> int:
        """Values of a queue's entry: R, unless said otherwise."""
        return self.residual_channels

    def start(self) -> State:
        """The state of a stream before its first sample."""
        dtype, zero = self.entry
        return State(np.full((sum(self.dilations), self.entry_width), zero, dtype), self.start_token)

    @property
    @abstractmethod
    def arithmetic(self) -> Arithmetic:
        """The operations of one sample on these weights, in PyTorch."""


def check(weights: Weights, state: State, conditioning: NDArray[np.floating] | Tensor, n: int) -> None:
    """ValueError unless `conditioning` is [F, L, 2R] with enough frames for `n` samples from `state.index`."""
    shape = (weights.layers, 2 * weights.residual_channels)
    if len(conditioning.shape) != 3 or tuple(conditioning.shape[1:]) != shape:
        raise ValueError(
            f"conditioning has shape {list(conditioning.shape)}; it must be [F, {shape[0]}, {shape[1]}]"
        )
    if n < 1:
        raise ValueError(f"n is {n}; it must be at least 1")
    frames = (state.index + n - 1) // weights.hop - state.index // weights.hop + 1
    if len(conditioning) < frames:
        raise ValueError(
            f"conditioning has {len(conditioning)} frames; samples {state.index} to {state.index + n - 1} need {frames}"
        )
