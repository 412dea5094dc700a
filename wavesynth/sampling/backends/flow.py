"""The sampler of frame flows on a processor: `kernels/cpu/flow.hpp` behind the engine's protocol."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.sampling.backends.kernel import KernelSampler, KernelState, contiguous
from wavesynth.sampling.windows import Windows

if TYPE_CHECKING:
    from wavesynth.networks import Network

__all__ = ["FlowSampler"]


class FlowSampler(KernelSampler):
    """A `Sampler` of a `wavesynth.models.frame_flow.FrameFlow`, block after block.

    The instruction set is the best that the processor has, or the one that the environment variable
    WAVESYNTH_INSTRUCTION_SET names. Raises ValueError for one that this processor does not have.
    """

    def __init__(self, network: Network, threads: int = 1) -> None:
        from wavesynth.kernels.cpu import FlowSampler as Kernel

        instruction_set = os.environ.get("WAVESYNTH_INSTRUCTION_SET", "")
        super().__init__(Kernel(asdict(network.config), contiguous(network), instruction_set), threads)
        self._block = network.config.block

    def follow(
        self,
        states: Sequence[KernelState],
        conditioning: Sequence[Windows],
        samples: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """The nats that the next blocks of every stream cost, -ln p [B, n / block], where its samples [B, n] are given
        instead of being drawn. They are pre-emphasised, and whole blocks. The states move on in place.

        Raises ValueError for samples that begin or end within a block.
        """
        indices = np.array([state.index for state in states], np.uint64)
        blocks = samples.shape[1] // self._block
        nats = np.empty((len(states), blocks), np.float32)
        self._kernel.follow(
            [state.memory for state in states],
            indices,
            [np.ascontiguousarray(windows.mel, np.float32) for windows in conditioning],
            np.ascontiguousarray(samples, np.float32),
            nats,
        )
        for state, index in zip(states, indices, strict=True):
            state.index = int(index)
        return nats
