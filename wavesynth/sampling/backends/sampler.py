"""What the engine asks of a backend: each advances many streams of one voice by the sampling function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from wavesynth.audio.executor import Executor
from wavesynth.sampling.reference import SamplingParams

__all__ = ["LostError", "Pending", "Sampler"]


class LostError(Exception):
    """The backend can make nothing any more."""


class Pending(Protocol):
    """Classes that are being made elsewhere."""

    def __call__(self) -> np.ndarray:
        """Waits for them: int32 [B, n]."""

    def ready(self) -> bool:
        """Whether there is nothing to wait for any more."""


class Sampler(Protocol):
    """What the engine asks of a backend. What its states are besides `index` is the backend's own."""

    @property
    def conditions(self) -> bool:
        """Whether it takes `Windows` for conditioning, and makes the frames of many streams at once."""

    @property
    def rows(self) -> Executor:
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
        self, states: Sequence[Any], conditioning: Sequence[Any], keys: Sequence[SamplingParams], n: int
    ) -> Pending | np.ndarray:
        """The next `n` classes of every stream, int32 [B, n], or what waits for them; the states move on at once."""

    def advance(
        self, states: Sequence[Any], conditioning: Sequence[Any], keys: Sequence[SamplingParams], n: int
    ) -> np.ndarray:
        """The next `n` classes of every stream, int32 [B, n]; the states move on in place."""
