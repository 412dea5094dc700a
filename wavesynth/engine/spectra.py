"""What a `DevicePlane` (device_plane.py) has computed for all streams of a step together, log-mel and corrections:
where the sampler says, in PyTorch, or on the processor by the C++ kernels, without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.analysis import MelConfig, log_mel_kernel
from wavesynth.audio.executor import Executor
from wavesynth.audio.projection import projector

__all__ = ["DeviceSpectra", "ProcessorSpectra", "Spectra"]


class Spectra(Protocol):
    """Log-mel and corrections of many streams; no result depends on who else is there."""

    @property
    def in_turn(self) -> Sequence[int]:
        """How many frames in a row are analysed, or corrected, in one go where there are so many; the last is 1."""

    def features(self, spans: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """The log-mel [B, frames, bands] of spans [B, window + (frames - 1) · hop]."""

    def project(
        self,
        samples: NDArray[np.float32],
        target_mel: NDArray[np.float32],
        active: NDArray[np.float32],
        rounds: int,
    ) -> NDArray[np.float32]:
        """Blocks of samples [B, n] corrected `rounds` times, each a hop after the last
        (wavesynth.audio.correction.project_in_turn has the shapes)."""


class DeviceSpectra:
    """Those that a sampler's executor computes."""

    #: As in a step of 40 ms.
    in_turn = (4, 1)

    def __init__(self, executor: Executor, config: MelConfig) -> None:
        self._executor, self._config = executor, config

    def features(self, spans: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """As `Spectra.features`."""
        import torch

        from wavesynth.audio.mel import features_in_turn

        samples = torch.from_numpy(spans)
        return self._executor(features_in_turn, samples, frames=frames, config=self._config).numpy()

    def project(
        self,
        samples: NDArray[np.float32],
        target_mel: NDArray[np.float32],
        active: NDArray[np.float32],
        rounds: int,
    ) -> NDArray[np.float32]:
        """As `Spectra.project`."""
        import torch

        from wavesynth.audio.correction import project_in_turn

        inputs = map(torch.from_numpy, (samples, target_mel, active))
        return self._executor(project_in_turn, *inputs, rounds=rounds, config=self._config).numpy()


class ProcessorSpectra:
    """Those that the kernels compute, of an analysis that they have (native_plane.has_analysis)."""

    in_turn = (1,)

    def __init__(self, config: MelConfig) -> None:
        self._log_mel, self._projector = log_mel_kernel(config), projector(config)

    def features(self, spans: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """As `Spectra.features`, of one frame at a time."""
        assert frames == 1 and self._log_mel is not None
        made: NDArray[np.float32] = self._log_mel.features(spans.astype(np.float64))
        return made[:, None]

    def project(
        self,
        samples: NDArray[np.float32],
        target_mel: NDArray[np.float32],
        active: NDArray[np.float32],
        rounds: int,
    ) -> NDArray[np.float32]:
        """As `Spectra.project`, one round at a time; the samples are changed in place."""
        assert rounds == 1 and self._projector is not None
        self._projector.project(samples, target_mel, active)
        return samples
