"""The backends, by name: each advances many streams of one voice by the sampling function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from wavesynth.synthesis import reference
from wavesynth.synthesis.cpu import CpuSampler
from wavesynth.synthesis.int8 import Int8Weights
from wavesynth.synthesis.reference import Key
from wavesynth.synthesis.state import State
from wavesynth.synthesis.voice import Voice
from wavesynth.synthesis.weights import Weights

__all__ = ["BACKENDS", "ReferenceSampler", "Sampler", "make_sampler", "sampler_for"]

BACKENDS = ("cpu", "reference")


class Sampler(Protocol):
    """What the engine asks of a backend."""

    @property
    def weights(self) -> Weights:
        """What it samples with; `weights.start()` begins a stream."""

    def advance(
        self, states: Sequence[State], conditioning: Sequence[Tensor], keys: Sequence[Key], n: int
    ) -> np.ndarray:
        """The next `n` classes of every stream, int32 [B, n]; the states move on in place."""


class ReferenceSampler:
    """The definition itself, as a backend: slow, for any device's results to be held against."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def advance(
        self, states: Sequence[State], conditioning: Sequence[Tensor], keys: Sequence[Key], n: int
    ) -> np.ndarray:
        """The next `n` classes of every stream, int32 [B, n]; the states move on in place."""
        rows = []
        for state, frames, key in zip(states, conditioning, keys, strict=True):
            tokens, after = reference.sample(self.weights, state, frames, key, n)
            state.queues, state.token, state.index = after.queues, after.token, after.index
            rows.append(tokens.numpy().astype(np.int32))
        return np.stack(rows)


def make_sampler(voice: Voice, backend: str = "cpu", threads: int = 1) -> Sampler:
    """The sampler `backend` for `voice`, with its int8 weights, on `threads` cores.

    Raises ValueError for an unknown backend.
    """
    return sampler_for(voice.int8(), backend, threads)


def sampler_for(weights: Int8Weights, backend: str = "cpu", threads: int = 1) -> Sampler:
    """The sampler `backend` for packed weights; ValueError for an unknown backend."""
    if backend == "cpu":
        return CpuSampler(weights, threads=threads)
    if backend == "reference":
        return ReferenceSampler(weights)
    raise ValueError(f"backend is {backend!r}; it must be one of {', '.join(BACKENDS)}")
