"""What the engine asks of a backend, and what a backend that draws classes does.

A `Sampler` gives audio: samples of many streams of one voice. A `ClassSampler` is the sampling function for many
streams at once and draws classes; `wavesynth.sampling.backends.mulaw` makes a `Sampler` of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.executor import Executor
from wavesynth.sampling.params import SamplingParams

__all__ = ["ClassSampler", "LostError", "Pending", "PendingClasses", "Sampler"]


class LostError(Exception):
    """The backend can make nothing any more."""


class Pending(Protocol):
    """Samples that are being made elsewhere."""

    def __call__(self) -> NDArray[np.float32]:
        """Waits for them: [B, n]."""

    def ready(self) -> bool:
        """Whether there is nothing to wait for any more."""


class PendingClasses(Protocol):
    """Classes that are being drawn elsewhere."""

    def __call__(self) -> NDArray[np.int32]:
        """Waits for them: [B, n]."""

    def ready(self) -> bool:
        """Whether there is nothing to wait for any more."""


class _Backend(Protocol):
    """What both kinds of sampler say of themselves. What a state is besides `index` is the backend's own."""

    @property
    def takes_windows(self) -> bool:
        """Whether it takes `Windows` for conditioning, and makes the frames of many streams at once."""

    @property
    def elsewhere(self) -> bool:
        """Whether it draws elsewhere, as on a GPU, so that `launch` gives what waits for the samples."""

    @property
    def executor(self) -> Executor:
        """How it has the features and filters of many streams computed."""

    @property
    def device(self) -> str:
        """Where it samples: a GPU's name, or the processor's instruction set."""

    @property
    def bytes_per_stream(self) -> int:
        """The memory of one stream."""

    @property
    def max_streams(self) -> int | None:
        """How many streams there is memory for; None if that is not known."""

    def start(self) -> Any:
        """The state of a stream before its first sample."""


class Sampler(_Backend, Protocol):
    """Makes the samples of many streams of one voice, before de-emphasis, within [-1, 1]."""

    def launch(
        self,
        states: Sequence[Any],
        conditioning: Sequence[Any],
        params: Sequence[SamplingParams],
        n: int,
    ) -> Pending | NDArray[np.float32]:
        """The next `n` samples of every stream, [B, n], or what waits for them; the states move on at once.

        `conditioning` has one thing for each stream; `Windows`, perhaps as `Tracks`, if it `takes_windows`.
        """

    def advance(
        self, states: Sequence[Any], conditioning: Sequence[Any], params: Sequence[SamplingParams], n: int
    ) -> NDArray[np.float32]:
        """The next `n` samples of every stream, [B, n]; the states move on in place."""


class ClassSampler(_Backend, Protocol):
    """Draws the classes of many streams of one voice."""

    def launch(
        self,
        states: Sequence[Any],
        conditioning: Sequence[Any],
        params: Sequence[SamplingParams],
        n: int,
    ) -> PendingClasses | NDArray[np.int32]:
        """The next `n` classes of every stream, [B, n], or what waits for them; the states move on at once."""

    def advance(
        self, states: Sequence[Any], conditioning: Sequence[Any], params: Sequence[SamplingParams], n: int
    ) -> NDArray[np.int32]:
        """The next `n` classes of every stream, [B, n]; the states move on in place."""
