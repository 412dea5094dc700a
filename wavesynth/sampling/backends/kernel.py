"""Samplers of kernels that make samples of log-mel on a processor: their streams' states, and their threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.executor import per_stream
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.windows import Windows

if TYPE_CHECKING:
    from wavesynth.networks import Network

__all__ = ["KernelSampler", "KernelState", "contiguous"]


@dataclass
class KernelState:
    """A stream's state: what the kernel remembers of it, and the number of its next sample."""

    memory: NDArray[np.float32]
    """[N], laid out as the kernel's tables say (kernels/cpu/flow_tables.hpp, harmonic_tables.hpp)."""
    index: int = 0

    def copy(self) -> KernelState:
        """A state that shares no memory with this one."""
        return KernelState(self.memory.copy(), self.index)


class KernelSampler:
    """A `Sampler` around a kernel, a class of C++ with `advance`, `state_size` and `instruction_set`.

    Streams are shared out to `threads` cores. The samples depend neither on the instruction set, nor on the other
    streams, nor on how a stream is cut.
    """

    takes_windows = True
    elsewhere = False
    max_streams = None
    executor = staticmethod(per_stream)

    def __init__(self, kernel: Any, threads: int = 1) -> None:
        self._kernel = kernel
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads, "sampler") if threads > 1 else None
        self._helpers = 0.0
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        """The instruction set in use."""
        return str(self._kernel.instruction_set)

    @property
    def bytes_per_stream(self) -> int:
        """The memory of one stream."""
        return 4 * int(self._kernel.state_size)

    def helpers_seconds(self) -> float:
        """Processor time that other threads than the callers' have taken, in seconds."""
        with self._lock:
            return self._helpers

    def start(self) -> KernelState:
        """The state of a stream before its first sample: silence was before."""
        return KernelState(np.zeros(self._kernel.state_size, np.float32))

    def advance(
        self,
        states: Sequence[KernelState],
        conditioning: Sequence[Windows],
        params: Sequence[SamplingParams],
        n: int,
    ) -> NDArray[np.float32]:
        """The next `n` samples of every stream, [B, n]; the states move on in place."""
        share = -(-len(states) // self.threads)
        if self._pool is None or share == len(states):
            return self._advance(states, conditioning, params, n)
        parts = [slice(first, first + share) for first in range(0, len(states), share)]
        shares = [
            (states[part], [conditioning[i] for i in _range(part, states)], params[part], n) for part in parts
        ]
        return np.concatenate(list(self._pool.map(self._help, *zip(*shares, strict=True))))

    def _help(self, *share: Any) -> NDArray[np.float32]:
        began = time.thread_time()
        try:
            return self._advance(*share)
        finally:
            with self._lock:
                self._helpers += time.thread_time() - began

    def launch(
        self,
        states: Sequence[KernelState],
        conditioning: Sequence[Windows],
        params: Sequence[SamplingParams],
        n: int,
    ) -> NDArray[np.float32]:
        """The same: there is nothing to wait for."""
        return self.advance(states, conditioning, params, n)

    def _advance(
        self,
        states: Sequence[KernelState],
        conditioning: Sequence[Windows],
        params: Sequence[SamplingParams],
        n: int,
    ) -> NDArray[np.float32]:
        indices = np.array([state.index for state in states], np.uint64)
        samples = np.empty((len(states), n), np.float32)
        self._kernel.advance(
            [state.memory for state in states],
            indices,
            np.array([p.seed for p in params], np.uint64),
            np.array([p.temperature for p in params], np.float32),
            [np.ascontiguousarray(windows.mel, np.float32) for windows in conditioning],
            samples,
        )
        for state, index in zip(states, indices, strict=True):
            state.index = int(index)
        return samples


def _range(part: slice, of: Sequence[Any]) -> range:
    return range(*part.indices(len(of)))


def contiguous(network: Network) -> dict[str, NDArray[np.float32]]:
    """A network's weights by their names, as kernels read them."""
    return {name: np.ascontiguousarray(weight, np.float32) for name, weight in network.weights.items()}
