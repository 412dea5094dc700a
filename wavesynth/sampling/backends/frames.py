"""A sampler of networks whose samples depend on their frame alone, and not on the samples before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.executor import per_stream
from wavesynth.networks import Network
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.windows import Windows

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["FrameSampler", "Generate"]

#: The samples [n] of one frame: network, window [1 + 2 * context, bands], speaker, params, index, n.
Generate = Callable[["nn.Module", "Tensor", int | None, SamplingParams, int, int], NDArray[np.float32]]


@dataclass
class FrameState:
    """A stream's state: the number of its next sample."""

    index: int = 0


class FrameSampler:
    """A `Sampler` that asks `generate` for the samples of one frame of one stream at a time."""

    takes_windows = True
    elsewhere = False
    device = "cpu"
    bytes_per_stream = 8
    max_streams = None
    #: Nothing is gained here by many streams at once.
    executor = staticmethod(per_stream)

    def __init__(self, network: Network, hop: int, generate: Generate) -> None:
        self._network, self._hop, self._generate = network, hop, generate

    def start(self) -> FrameState:
        """The state of a stream before its first sample."""
        return FrameState()

    def advance(
        self,
        states: Sequence[FrameState],
        conditioning: Sequence[Windows],
        params: Sequence[SamplingParams],
        n: int,
    ) -> NDArray[np.float32]:
        """The next `n` samples of every stream, [B, n]; the states move on in place."""
        import torch

        samples = np.empty((len(states), n), np.float32)
        with torch.inference_mode():
            self._fill(samples, states, conditioning, params)
        return samples

    def _fill(
        self,
        samples: NDArray[np.float32],
        states: Sequence[FrameState],
        conditioning: Sequence[Windows],
        params: Sequence[SamplingParams],
    ) -> None:
        import torch

        network, n = self._network.module, samples.shape[1]
        for row, state, windows, its_params in zip(samples, states, conditioning, params, strict=True):
            first, end = state.index // self._hop, state.index + n
            while state.index < end:
                frame = state.index // self._hop
                count = min(end, (frame + 1) * self._hop) - state.index
                window = torch.as_tensor(windows.mel[frame - first])
                made = self._generate(network, window, windows.speaker, its_params, state.index, count)
                row[n - (end - state.index) :][:count] = made
                state.index += count

    def launch(
        self,
        states: Sequence[FrameState],
        conditioning: Sequence[Windows],
        params: Sequence[SamplingParams],
        n: int,
    ) -> NDArray[np.float32]:
        """The same: there is nothing to wait for."""
        return self.advance(states, conditioning, params, n)
