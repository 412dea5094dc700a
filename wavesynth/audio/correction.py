"""Spectral correction: generated audio is filtered so that its log-mel becomes the target log-mel.

What a voice generates has the pitch and the timing of its conditioning, but each band of each frame comes out a little
too loud or too soft, because it is a random draw from an imperfect model. The target log-mel is known: it is what the
voice is conditioned on. So each frame of the short-time spectrum is scaled by the ratio of target to generated, band by
band, and keeps its phase:

    gain[f] = clamp(target[f] / generated[f])                 amplitudes of the mel bands, from -40 to +20 dB
    G[f]    = gain[f] ** 1.5, for each FFT bin the geometric mean over its bands
    x      += sum over f of window · IFFT((G[f] - 1) · FFT(window · x)) / sum over f of window²

This is least-squares modification of the short-time spectrum (Griffin and Lim, 1984, eq. 6), except for the exponent
1.5: overlapping frames disagree, so one iteration changes the sound by less than its gain says, and a larger exponent
needs fewer iterations.

One iteration is not enough, and a stream cannot wait for many over the whole recording. So the newest frames are
corrected jointly, as in RTISI-LA (Zhu, Beauregard and Wyse, "Real-time signal estimation from modified short-time
Fourier transform magnitude spectra", 2007): whenever a frame is complete, the newest `frames` frames take some
iterations, then the oldest of them is final. The others are its look-ahead frames. A frame's log-mel is computed over a
longer window (-) than is changed (=). With 3 frames:

    samples   ── final ──┃── hop ──┃──────────── look-ahead ─────────────
    oldest            ---=======o=======---
    next                        ---=======o=======---
    newest                                ---=======o=======---┃ must be there

At 16 kHz with the default analysis a sample is final 26 ms, and 10 ms for each frame, after it was generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.executor import Executor, per_stream
from wavesynth.audio.mel import MelConfig, features
from wavesynth.audio.projection import (
    EXPONENT,
    GREATEST_GAIN,
    ITERATIONS,
    LEAST_GAIN,
    MAX_FRAMES,
    can_correct,
    check_overlap,
    projection_tables,
    projector,
    window_length,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "DEFAULT_FRAMES",
    "MAX_FRAMES",
    "SpectralCorrection",
    "can_correct",
    "correct",
    "project",
    "project_in_turn",
    "project_reference",
    "projector",
]

#: Frames corrected jointly for a voice that does not say how many.
DEFAULT_FRAMES = 4


class SpectralCorrection:
    """The correction of one stream, with `frames` frames corrected jointly (0: the audio is left as it is).

    The bits do not depend on where the stream is cut. Raises ValueError for an analysis with too little overlap: see
    `can_correct`.

    >>> correction = SpectralCorrection(MelConfig(), 1)
    >>> hop, frame = np.zeros(160, np.float32), np.zeros((1, 80), np.float32)
    >>> [len(correction.push(hop, frame)) for _ in range(6)], len(correction.finish())
    ([0, 0, 0, 64, 160, 160], 576)
    >>> correction.start_up, correction.look_ahead  # samples
    (560, 655)
    """

    def __init__(self, config: MelConfig, frames: int) -> None:
        self.config, self.frames = config, frames
        if frames:
            check_overlap(config)
        self._look_ahead_frames = max(0, frames - 1)
        self._margin = config.window // 2 - window_length(config) // 2
        # The joint frames and those after them, the oldest first: target log-mel, and whether the frame is corrected
        # (1, but 0 before the stream and after it). The samples begin where the oldest frame's log-mel window begins.
        self._target_mel = np.zeros((self._look_ahead_frames, config.bands), np.float32)
        self._active = np.zeros(self._look_ahead_frames, np.float32)
        self._samples = np.zeros(self._look_ahead_frames * config.hop + config.window // 2, np.float32)
        self._block = self._look_ahead_frames * config.hop + config.window
        self._committed = 0  # frames
        self._final: list[NDArray[np.float32]] = []  # their samples
        self._before = len(self._samples) - self._margin  # samples of it that lie before the stream
        # Each committed frame makes a hop final; the first of these are the samples before the stream.
        ahead = self._before // config.hop * config.hop + self._block - len(self._samples)
        self.start_up = ahead if frames else 1
        """Samples that a stream must have before its first sample is final."""
        self.look_ahead = self._block - self._margin - 1 if frames else 0
        """Samples after a sample that must be there before it is final, at the most."""
        self.warm_up = self._block if frames else 0
        """Samples before a sample that may change it."""
        self._received = self._sent = 0
        self._ended = False

    def push(self, samples: NDArray[np.float32], target_mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes the next samples [n] and the next target log-mel frames [f, bands], which may be ahead of the samples;
        returns the samples [m] that are now final, float32."""
        (final,) = correct([self], [samples], [target_mel], last=[False])
        return final

    def finish(self) -> NDArray[np.float32]:
        """The last samples [m], as if silence followed; nothing may be pushed after."""
        samples, target_mel = np.zeros(0, np.float32), np.zeros((0, self.config.bands), np.float32)
        (final,) = correct([self], [samples], [target_mel], last=[True])
        return final

    def accept(self, samples: NDArray[np.float32], target_mel: NDArray[np.float32], last: bool) -> int:
        """Takes what `push` takes, and whether that is all; returns how many frames can be committed now."""
        self._received += len(samples)
        self._samples = np.concatenate([self._samples, samples])
        self._target_mel = np.concatenate([self._target_mel, target_mel])
        self._active = np.concatenate([self._active, np.ones(len(target_mel), np.float32)])
        if last:
            self._ended = True
            total = self.config.frames(self._received)
            left = (
                total + self._look_ahead_frames - self._committed if total else 0
            )  # until the last is the oldest
            missing = left + self._look_ahead_frames - len(self._target_mel[:left])  # frames without a target
            self._target_mel = np.pad(self._target_mel[:left], ((0, missing), (0, 0)))
            self._active = np.pad(self._active[:left], (0, missing))
            self._samples = np.pad(self._samples, (0, self._block + left * self.config.hop))
            return left
        by_samples = (len(self._samples) - self._block) // self.config.hop + 1
        return max(0, min(by_samples, len(self._target_mel) - self.frames + 1))

    def pending(self) -> tuple[Tensor, Tensor, Tensor]:
        """The next projection's samples [n], target log-mel [frames, bands] and active [frames], each 1 or 0."""
        import torch

        parts = self._samples[: self._block], self._target_mel[: self.frames], self._active[: self.frames]
        samples, target_mel, active = map(torch.from_numpy, parts)
        return samples, target_mel, active

    def commit(self, projected: Tensor) -> None:
        """Takes the projected samples [n]; the oldest frame's hop is final."""
        self._samples[: self._block] = projected.numpy()
        self._final.append(self._samples[self._margin : self._margin + self.config.hop])
        self._samples, self._target_mel = self._samples[self.config.hop :], self._target_mel[1:]
        self._active = self._active[1:]
        self._committed += 1

    def final(self) -> NDArray[np.float32]:
        """The samples [m] that became final since the last call."""
        if self._ended:
            self._final.append(self._samples[self._margin :])
        final = np.concatenate([np.zeros(0, np.float32), *self._final])
        self._final = []
        skipped = min(self._before, len(final))
        self._before -= skipped
        final = final[skipped : skipped + self._received - self._sent]
        self._sent += len(final)
        return final


def correct(
    corrections: Sequence[SpectralCorrection],
    samples: Sequence[NDArray[np.float32]],
    target_mels: Sequence[NDArray[np.float32]],
    last: Sequence[bool],
    executor: Executor = per_stream,
) -> list[NDArray[np.float32]]:
    """What each correction's `push` gives, and where `last` its `finish` after it; the projections of all streams are
    computed by `executor`.

    All corrections have the same analysis, and the same number of frames unless it is 0.
    """
    import torch

    given = zip(corrections, samples, target_mels, last, strict=True)
    counts = [c.accept(generated, mel, ended) if c.frames else 0 for c, generated, mel, ended in given]
    for number in range(max(counts, default=0)):
        due = [c for c, count in zip(corrections, counts, strict=True) if number < count]
        blocks = map(torch.stack, zip(*(c.pending() for c in due), strict=True))
        for correction, projected in zip(due, executor(project, *blocks, config=due[0].config), strict=True):
            correction.commit(projected)
    return [c.final() if c.frames else generated for c, generated in zip(corrections, samples, strict=True)]


def project(samples: Tensor, target_mel: Tensor, active: Tensor, config: MelConfig) -> Tensor:
    """Samples float32 [B, n] under the log-mel windows of frames a hop apart, with the frames' log-mel moved towards
    target_mel [B, frames, bands] where active [B, frames] is 1, and left as it is where that is 0.

    On the CPU by the C++ kernel where it has the analysis: much faster, with nearly the same numbers.
    """
    samples = samples.clone()
    kernel = projector(config) if samples.device.type == "cpu" else None
    if kernel is None:
        return project_reference(samples, target_mel, active, config)
    kernel.project(samples.numpy(), target_mel.contiguous().numpy(), active.contiguous().numpy())
    return samples


def project_in_turn(
    samples: Tensor, target_mel: Tensor, active: Tensor, rounds: int, config: MelConfig
) -> Tensor:
    """`project` of `rounds` blocks one after the other, each a hop after the last: samples [B, n + (rounds - 1) · hop],
    target_mel [B, frames + rounds - 1, bands] and active [B, frames + rounds - 1]."""
    samples, others = samples.clone(), rounds - 1
    frames, block = target_mel.shape[1] - others, samples.shape[1] - others * config.hop
    for k in range(rounds):
        here, part = samples[:, k * config.hop : k * config.hop + block], slice(k, k + frames)
        here.copy_(
            project(here.contiguous(), target_mel[:, part].contiguous(), active[:, part].contiguous(), config)
        )
    return samples


def project_reference(samples: Tensor, target_mel: Tensor, active: Tensor, config: MelConfig) -> Tensor:
    """`project` in PyTorch, with any analysis and on any device; the samples are changed in place."""
    import torch
    import torch.nn.functional as F

    window, synthesis, spread = _tables(config, samples.device)
    first = config.window // 2 - len(window) // 2
    last = first + (target_mel.shape[1] - 1) * config.hop + len(window)
    exponent = EXPONENT * active[..., None]
    inner = samples[:, first:last]  # under the windows whose spectrum is scaled
    for _ in range(ITERATIONS):
        generated = features(samples.unfold(1, config.window, config.hop), config)
        # A feature is half the log10 of power: log10 of amplitude.
        gains = (target_mel - generated).clamp(LEAST_GAIN, GREATEST_GAIN) * exponent
        spectrum = torch.fft.rfft(inner.unfold(1, len(window), config.hop) * window, config.n_fft)
        change = torch.fft.irfft(spectrum * torch.expm1(gains @ spread), config.n_fft)
        change = change[..., : len(window)] * synthesis
        inner += F.fold(change.mT, (1, last - first), (1, len(window)), stride=(1, config.hop))[:, 0, 0]
    return samples


@lru_cache(maxsize=8)
def _tables(config: MelConfig, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Those of `projection_tables` on the device."""
    import torch

    first, second, third = (torch.from_numpy(table).to(device) for table in projection_tables(config))
    return first, second, third
