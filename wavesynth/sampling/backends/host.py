"""What the backends that sample on the processor have in common: states are plain data, and nothing is waited for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.executor import per_stream
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.state import State
from wavesynth.sampling.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HostSampler"]


class HostSampler(ABC):
    """A `Sampler` whose states are `State`s."""

    takes_windows = elsewhere = False
    max_streams = None
    device = "cpu"
    #: Nothing is gained here by computing for many streams at once, and there may be only one stream.
    executor = staticmethod(per_stream)

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def start(self) -> State:
        """The state of a stream before its first sample."""
        return self.weights.start()

    @property
    def bytes_per_stream(self) -> int:
        """The memory of one stream."""
        return len(self.start().to_bytes())

    @abstractmethod
    def advance(
        self,
        states: Sequence[State],
        conditioning: Sequence[NDArray[np.float32] | Tensor],
        params: Sequence[SamplingParams],
        n: int,
    ) -> np.ndarray:
        """The next `n` classes of every stream, int32 [B, n]; the states move on in place."""

    def launch(
        self,
        states: Sequence[State],
        conditioning: Sequence[NDArray[np.float32] | Tensor],
        params: Sequence[SamplingParams],
        n: int,
    ) -> np.ndarray:
        """The same: there is nothing to wait for."""
        return self.advance(states, conditioning, params, n)
