"""A backend that draws μ-law classes, as a sampler that gives samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.companding import levels
from wavesynth.audio.executor import Executor
from wavesynth.sampling.backends.sampler import ClassSampler, Pending, PendingClasses
from wavesynth.sampling.params import SamplingParams

__all__ = ["MuLawSampler"]


class MuLawSampler:
    """A `Sampler`: the waveform, still pre-emphasised, of the classes that `backend` draws.

    `classes` and `mid_tread` say which sample each class stands for (wavesynth.audio.companding.levels).
    """

    def __init__(self, backend: ClassSampler, classes: int, mid_tread: bool) -> None:
        self.backend = backend
        self._levels = levels(classes, mid_tread)

    @property
    def takes_windows(self) -> bool:
        """Whether it takes `Windows` for conditioning, and makes the frames of many streams at once."""
        return self.backend.takes_windows

    @property
    def elsewhere(self) -> bool:
        """Whether it draws elsewhere, as on a GPU."""
        return self.backend.elsewhere

    @property
    def executor(self) -> Executor:
        """How it has the features and filters of many streams computed."""
        return self.backend.executor

    @property
    def device(self) -> str:
        """Where it samples: a GPU's name, or the processor's instruction set."""
        return self.backend.device

    @property
    def bytes_per_stream(self) -> int:
        """The memory of one stream."""
        return self.backend.bytes_per_stream

    @property
    def max_streams(self) -> int | None:
        """How many streams there is memory for; None if that is not known."""
        return self.backend.max_streams

    def start(self) -> Any:
        """The state of a stream before its first sample."""
        return self.backend.start()

    def launch(
        self,
        states: Sequence[Any],
        conditioning: Sequence[Any],
        params: Sequence[SamplingParams],
        n: int,
    ) -> Pending | NDArray[np.float32]:
        """The next `n` samples of every stream, [B, n], or what waits for them; the states move on at once."""
        drawn = self.backend.launch(states, conditioning, params, n)
        return _PendingSamples(drawn, self._levels) if callable(drawn) else self._levels[drawn]

    def advance(
        self, states: Sequence[Any], conditioning: Sequence[Any], params: Sequence[SamplingParams], n: int
    ) -> NDArray[np.float32]:
        """The next `n` samples of every stream, [B, n]; the states move on in place."""
        samples: NDArray[np.float32] = self._levels[self.backend.advance(states, conditioning, params, n)]
        return samples


@dataclass(frozen=True)
class _PendingSamples:
    classes: PendingClasses
    levels: NDArray[np.float32]

    def __call__(self) -> NDArray[np.float32]:
        samples: NDArray[np.float32] = self.levels[self.classes()]
        return samples

    def ready(self) -> bool:
        return self.classes.ready()
