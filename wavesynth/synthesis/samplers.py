"""The backends, by name: each advances many streams of one voice by the sampling function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from wavesynth.audio.rows import Rows
from wavesynth.synthesis import reference
from wavesynth.synthesis.host import HostSampler
from wavesynth.synthesis.reference import Key
from wavesynth.synthesis.state import State
from wavesynth.synthesis.voice import Voice

__all__ = ["BACKENDS", "ReferenceSampler", "Sampler", "make_sampler"]

BACKENDS = ("cpu", "triton", "reference")


class Sampler(Protocol):
    """What the engine asks of a backend. What its states are besides `index` is the backend's own."""

    @property
    def conditions(self) -> bool:
        """Whether it takes `Windows` for conditioning, and makes the frames of many streams at once."""

    @property
    def rows(self) -> Rows:
        """How it has the features and filters of many streams computed."""

    @property
    def device(self) -> str:
        """Where it samples: a GPU's name, or the processor's instruction set."""

    @property
    def bytes_per_stream(self) -> int:
        """The memory of one stream."""

    @property
    def places(self) -> int | None:
        """How many streams there is memory for; None if that is not known."""

    def start(self) -> Any:
        """The state of a stream before its first sample."""

    def launch(
        self, states: Sequence[Any], conditioning: Sequence[Any], keys: Sequence[Key], n: int
    ) -> Callable[[], np.ndarray] | np.ndarray:
        """The next `n` classes of every stream, int32 [B, n], or what waits for them; the states move on at once."""

    def advance(
        self, states: Sequence[Any], conditioning: Sequence[Any], keys: Sequence[Key], n: int
    ) -> np.ndarray:
        """The next `n` classes of every stream, int32 [B, n]; the states move on in place."""


class ReferenceSampler(HostSampler):
    """The definition itself, as a backend: slow, for any device's results to be held against."""

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


def make_sampler(voice: Voice, backend: str = "cpu", threads: int = 1, places: int | None = None) -> Sampler:
    """The sampler `backend` for `voice`: on `threads` cores, or with memory for `places` streams on the GPU.

    Raises ValueError, in a sentence, for an unknown backend, and for one that this machine or voice cannot have.
    """
    if backend == "cpu":
        from wavesynth.synthesis.cpu import CpuSampler

        return CpuSampler(voice.int8(), threads=threads)
    if backend == "triton":
        try:
            from wavesynth.synthesis.gpu import TritonSampler
        except ImportError as error:
            raise ValueError(
                f"backend triton needs the Python package triton ({error}); use --backend cpu"
            ) from error
        return TritonSampler(voice.model, voice.gains, places)
    if backend == "reference":
        return ReferenceSampler(voice.int8())
    raise ValueError(f"backend is {backend!r}; it must be one of {', '.join(BACKENDS)}")
