"""The sampler for processors: `kernels/cpu` behind the sampling function.

The instruction set is the best the processor has, or the one that the environment variable
WAVESYNTH_INSTRUCTION_SET names (avx512, avx2, portable); the result does not depend on it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.kernels.cpu import Int8Sampler
from wavesynth.sampling.backends.host import HostSampler
from wavesynth.sampling.draw import inverse_temperature
from wavesynth.sampling.int8 import Int8Weights
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.state import State
from wavesynth.sampling.weights import check

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CpuSampler"]


class CpuSampler(HostSampler):
    """Samples with packed `Int8Weights`; safe to call from several threads for different states.

    Several streams are shared out to `threads` cores; a lone stream takes a second one if it is idle.

    Raises ValueError if the processor does not have the instruction set that was asked for.
    """

    def __init__(self, weights: Int8Weights, instruction_set: str | None = None, threads: int = 1) -> None:
        if instruction_set is None:
            instruction_set = os.environ.get("WAVESYNTH_INSTRUCTION_SET", "")
        if threads < 1:
            raise ValueError(f"threads is {threads}; it must be at least 1")
        super().__init__(weights)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "sampler") if threads > 1 else None
        arrays = {field.name: getattr(weights, field.name) for field in fields(weights)}
        self.kernel = Int8Sampler(
            **{
                name: np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a
                for name, a in arrays.items()
            },
            instruction_set=instruction_set,
        )

    @property
    def instruction_set(self) -> str:
        """The instruction set in use: avx512, avx2 or portable."""
        return str(self.kernel.instruction_set)

    @property
    def device(self) -> str:  # type: ignore[override]
        """The same."""
        return self.instruction_set

    def sample(
        self, state: State, conditioning: NDArray[np.float32] | Tensor, params: SamplingParams, n: int
    ) -> tuple[NDArray[np.int64], State]:
        """The sampling function of `reference.sample`, with the same classes, int64 [n]."""
        check(self.weights, state, conditioning, n)
        state = state.copy()
        tokens = self.advance([state], [conditioning], [params], n)
        return tokens[0].astype(np.int64), state

    def advance(
        self,
        states: Sequence[State],
        conditioning: Sequence[NDArray[np.float32] | Tensor],
        params: Sequence[SamplingParams],
        n: int,
    ) -> np.ndarray:
        """Draws the next `n` samples of every stream, int32 [B, n]; the states are changed in place.

        `conditioning[s]` is [F, L, 2R] float32 and begins with the frame of `states[s].index`. A stream's
        samples do not depend on the others.
        """
        share = -(-len(states) // self._threads)
        if self._pool is None or share == len(states):
            return self._advance(states, conditioning, params, n)
        parts = [slice(first, first + share) for first in range(0, len(states), share)]
        shares = [(states[part], conditioning[part], params[part], n) for part in parts]
        return np.concatenate(list(self._pool.map(self._advance, *zip(*shares, strict=True))))

    def _advance(
        self,
        states: Sequence[State],
        conditioning: Sequence[NDArray[np.float32] | Tensor],
        params: Sequence[SamplingParams],
        n: int,
    ) -> np.ndarray:
        indices = np.array([state.index for state in states], np.uint64)
        last = np.array([state.token for state in states], np.int32)
        tokens = np.empty((len(states), n), np.int32)
        self.kernel.advance(
            [state.queues for state in states],
            indices,
            last,
            np.array([p.seed for p in params], np.uint64),
            np.array([inverse_temperature(p.temperature) for p in params], np.float32),
            [np.ascontiguousarray(c, np.float32) for c in conditioning],
            tokens,
            two_cores=self._threads > 1,
        )
        for state, index, token in zip(states, indices, last, strict=True):
            state.index, state.token = int(index), int(token)
        return tokens

    def follow(
        self,
        states: Sequence[State],
        conditioning: Sequence[NDArray[np.float32]],
        classes: NDArray[np.int32],
        scored: bool = True,
    ) -> NDArray[np.float32]:
        """Has every stream take given `classes` [B, n] as its next samples, as if it had drawn them.

        Returns the bits that each costs, -log2 of its probability at temperature 1, float32 [B, n]; [B, 0] if they are
        not `scored`, which is quicker. The rest is as `advance` has it.
        """
        for state, its in zip(states, conditioning, strict=True):
            check(self.weights, state, its, classes.shape[1])
        indices = np.array([state.index for state in states], np.uint64)
        last = np.array([state.token for state in states], np.int32)
        bits = np.empty((len(states), classes.shape[1] if scored else 0), np.float32)
        inverses = np.full(len(states), inverse_temperature(1.0), np.float32)
        queues, frames = [state.queues for state in states], list(map(np.ascontiguousarray, conditioning))
        self.kernel.follow(queues, indices, last, inverses, frames, np.ascontiguousarray(classes), bits)
        for state, index, token in zip(states, indices, last, strict=True):
            state.index, state.token = int(index), int(token)
        return bits

    @property
    def batch(self) -> int:
        """Streams for which one reading of the weights serves."""
        return int(self.kernel.batch)
