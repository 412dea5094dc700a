"""Made audio, filtered so that its log-mel is the one that was asked for.

What a voice draws has the pitch and the timing of its conditioning, but each band of each frame comes out a little
too loud or too soft: it is a random draw, of a model that is not perfect. What was asked for is known, since it is
what the voice is conditioned on. So each frame of the short-time spectrum is scaled by their ratio, band by band, with
the phase as drawn:

    gain[f] = clamp(wanted[f] / made[f])                      amplitudes of the mel bands, from -40 to +20 dB
    G[f]    = gain[f] ** 1.5, as the FFT's bins have it: of each bin, the geometric mean over its bands
    x      += sum over f of window · IFFT((G[f] - 1) · FFT(window · x)) / sum over f of window²

which is least-squares modification of the short-time spectrum (Griffin and Lim, 1984, eq. 6), but for the power: frames
that overlap disagree, so a step changes the sound by less than its gain says, and a longer step needs fewer of them.

One step does not arrive, and many over a whole recording cannot be taken while it streams. So the newest frames are
settled together, as in Zhu, Beauregard and Wyse, "Real-time signal estimation from modified short-time Fourier
transform magnitude spectra", 2007: whenever a frame is complete, the last few, it among them, take some steps, then
the oldest is left as it is. With frames that are seen (-) further than they are changed (=), and 3 of them:

    samples   ── final ──┃── hop ──┃────────────── not yet ──────────────
    oldest            ---=======o=======---
    next                        ---=======o=======---
    newest                                ---=======o=======---┃ must be there

so a sample is final some 26 ms and 10 ms for each frame after it was made.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.executor import Executor, alone
from wavesynth.audio.mel import MelConfig, features, filter_bank, mel_tables

if TYPE_CHECKING:
    from wavesynth.kernels.cpu import Settler

__all__ = ["FRAMES", "MOST_FRAMES", "SpectralCorrection", "can_correct", "correct"]

#: Frames that are settled together for a voice that does not say, and the most that a voice may say.
FRAMES, MOST_FRAMES = 4, 16

#: Steps of the settled frames for each new one, and the power of the gains (docs/evaluation.md).
_STEPS, _POWER = 8, 1.5
#: The most that a band is cut and boosted, in log10 of amplitude: 40 and 20 decibels.
_CUT, _BOOST = -2.0, 1.0


class SpectralCorrection:
    """The filter over a stream, `frames` settled together (0: not at all), with the same bits wherever it is cut.

    Raises ValueError for an analysis that cannot be corrected by: see `can_correct`.

    >>> correction = SpectralCorrection(MelConfig(), 1)
    >>> hop, frame = np.zeros(160, np.float32), np.zeros((1, 80), np.float32)
    >>> [len(correction.push(hop, frame)) for _ in range(6)], len(correction.finish())
    ([0, 0, 0, 64, 160, 160], 576)
    >>> correction.lead  # samples, so 4 hops
    560
    """

    def __init__(self, config: MelConfig, frames: int) -> None:
        self.config, self.frames = config, frames
        if frames and not can_correct(config.bands, config):
            raise ValueError(
                f"mel window is {config.window}; to correct the spectrum it must be at least "
                f"{1 << (2 * config.hop - 1).bit_length()}, two hops"
            )
        self._margin = config.window // 2 - window_length(config) // 2
        # The next step's frames, the oldest first: their wanted log-mel, whether they are settled (1, but 0 before
        # the stream and after it), and the samples from the first under the oldest one's log-mel window on.
        lead = max(0, frames - 1)
        self._wanted = np.zeros((lead, config.bands), np.float32)
        self._settled = np.zeros(lead, np.float32)
        self._samples = np.zeros(lead * config.hop + config.window // 2, np.float32)
        self._block = lead * config.hop + config.window
        self._steps = 0  # that were taken
        self._final: list[NDArray[np.float32]] = []  # what they left as it is
        self._before = len(self._samples) - self._margin  # samples of it that lie before the stream
        # Each step leaves a hop as it is, and the first of them those samples before.
        ahead = self._before // config.hop * config.hop + self._block - len(self._samples)
        self.lead = ahead if frames else 0
        """Samples that a stream must have before the first of them is final."""
        self.reach = self._block if frames else 0
        """Samples that a step looks at."""
        self._received = self._sent = 0
        self._ended = False

    def push(self, samples: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes the next samples [n] and the next log-mel frames wanted [f, bands], which may be ahead of the
        samples; returns the samples [m] that are now final, float32."""
        (final,) = correct([self], [samples], [wanted], last=[False])
        return final

    def finish(self) -> NDArray[np.float32]:
        """The last samples, as if silence followed; nothing may be pushed after."""
        samples, wanted = np.zeros(0, np.float32), np.zeros((0, self.config.bands), np.float32)
        (final,) = correct([self], [samples], [wanted], last=[True])
        return final

    def take(self, samples: NDArray[np.float32], wanted: NDArray[np.float32], last: bool) -> int:
        """Takes what `push` takes, and whether that is all; returns the steps that can be taken now."""
        self._received += len(samples)
        self._samples = np.concatenate([self._samples, samples])
        self._wanted = np.concatenate([self._wanted, wanted])
        self._settled = np.concatenate([self._settled, np.ones(len(wanted), np.float32)])
        if last:
            self._ended = True
            lead = self.frames - 1
            total = self.config.frames(self._received)
            left = total + lead - self._steps if total else 0  # until the last frame has been the oldest
            more = left + lead - len(self._wanted[:left])  # rows of frames that nothing is wanted of
            self._wanted = np.pad(self._wanted[:left], ((0, more), (0, 0)))
            self._settled = np.pad(self._settled[:left], (0, more))
            self._samples = np.pad(self._samples, (0, self._block + left * self.config.hop))
            return left
        by_samples = (len(self._samples) - self._block) // self.config.hop + 1
        return max(0, min(by_samples, len(self._wanted) - self.frames + 1))

    def block(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the next step is of: samples [n], log-mel wanted [frames, bands] and whether, 1 or 0, [frames]."""
        parts = self._samples[: self._block], self._wanted[: self.frames], self._settled[: self.frames]
        samples, wanted, settled = map(torch.from_numpy, parts)
        return samples, wanted, settled

    def step(self, settled: Tensor) -> None:
        """Takes those samples as the step left them."""
        self._samples[: self._block] = settled.numpy()
        self._final.append(self._samples[self._margin : self._margin + self.config.hop])
        self._samples, self._wanted = self._samples[self.config.hop :], self._wanted[1:]
        self._settled = self._settled[1:]
        self._steps += 1

    def final(self) -> NDArray[np.float32]:
        """The samples [m] that are final now and were not yet."""
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
    wanted: Sequence[NDArray[np.float32]],
    last: Sequence[bool],
    rows: Executor = alone,
) -> list[NDArray[np.float32]]:
    """What each correction's `push` gives, and where `last` its `finish` after it: what costs time together, by `rows`.

    All corrections are of one analysis; those that are not of no frames are of as many.
    """
    given = zip(corrections, samples, wanted, last, strict=True)
    steps = [c.take(made, mel, ended) if c.frames else 0 for c, made, mel, ended in given]
    for number in range(max(steps, default=0)):
        due = [c for c, count in zip(corrections, steps, strict=True) if number < count]
        blocks = map(torch.stack, zip(*(c.block() for c in due), strict=True))
        for correction, settled in zip(due, rows(settle, *blocks, config=due[0].config), strict=True):
            correction.step(settled)
    return [c.final() if c.frames else made for c, made in zip(corrections, samples, strict=True)]


def settle(samples: Tensor, wanted: Tensor, settled: Tensor, config: MelConfig) -> Tensor:
    """Frames that lie a hop apart, nearer to the log-mel wanted of them [B, frames, bands] as far as they are `settled`
    (1 or 0, [B, frames]): samples float32 [B, n], those under all their log-mel windows, in and out.

    On the processor by a kernel where there is one for the analysis, to nearly the same numbers and much sooner.
    """
    samples = samples.clone()
    kernel = _kernel(config) if samples.device.type == "cpu" else None
    if kernel is None:
        return settle_by_definition(samples, wanted, settled, config)
    kernel.settle(samples.numpy(), wanted.contiguous().numpy(), settled.contiguous().numpy())
    return samples


def settle_by_definition(samples: Tensor, wanted: Tensor, settled: Tensor, config: MelConfig) -> Tensor:
    """The same, by PyTorch, with any analysis and on any device; the samples are changed in place."""
    window, synthesis, spread = _tables(config, samples.device)
    first = config.window // 2 - len(window) // 2
    last = first + (wanted.shape[1] - 1) * config.hop + len(window)
    power = _POWER * settled[..., None]
    inner = samples[:, first:last]  # that the frames' windows reach
    for _ in range(_STEPS):
        made = features(samples.unfold(1, config.window, config.hop), config)
        # A feature is half the log10 of power: log10 of amplitude.
        gains = (wanted - made).clamp(_CUT, _BOOST) * power
        spectrum = torch.fft.rfft(inner.unfold(1, len(window), config.hop) * window, config.n_fft)
        change = torch.fft.irfft(spectrum * torch.expm1(gains @ spread), config.n_fft)
        change = change[..., : len(window)] * synthesis
        inner += F.fold(change.mT, (1, last - first), (1, len(window)), stride=(1, config.hop))[:, 0, 0]
    return samples


def can_correct(bands: int, config: MelConfig) -> bool:
    """Whether there is a log-mel to correct by, of `bands` bands, and windows overlap enough: by half at least."""
    return bands > 0 and window_length(config) >= 2 * config.hop


def window_length(config: MelConfig) -> int:
    """Samples of the window under which the spectrum is scaled: the longest power of two in the analysis window."""
    return 1 << (config.window.bit_length() - 1)


@lru_cache(maxsize=8)
def _kernel(config: MelConfig) -> Settler | None:
    """The kernel for an analysis with FFTs of 1,024 samples; None for others, and where it was not built, as from a
    source tree on a GPU's machine."""
    try:
        from wavesynth.kernels.cpu import Settler
    except ImportError:
        return None
    if config.n_fft != 1024:
        return None
    window, synthesis, spread = _tables(config, torch.device("cpu"))
    analysis, bank = mel_tables(config, torch.device("cpu"), torch.float32)
    tables = (table.contiguous().numpy() for table in (analysis, bank.T, window, synthesis, spread))
    gains = config.floor, _CUT, _BOOST, _POWER
    return Settler(config.hop, _STEPS, *tables, *gains, os.environ.get("WAVESYNTH_INSTRUCTION_SET", ""))


@lru_cache(maxsize=8)
def _tables(config: MelConfig, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """In float32: the window [length] under which the spectrum is scaled; the same, over the sum of all frames' windows
    squared, for the way back; and the matrix [bands, n_fft // 2 + 1] that makes of log10 gains of the bands the natural
    logarithms of the bins'. A bin in no band, such as 0 Hz, has what its nearest neighbour has."""
    window = torch.hann_window(window_length(config), dtype=torch.float64)
    hops = -(-len(window) // config.hop)
    total = F.pad(window.square(), (0, hops * config.hop - len(window))).unflatten(0, (hops, -1)).sum(0)
    synthesis = window / total.repeat(hops)[: len(window)]
    bank = filter_bank(config).numpy()
    inside = np.flatnonzero(bank.sum(1) > 1e-9)
    nearest = inside[np.abs(np.arange(len(bank))[:, None] - inside).argmin(1)]
    spread = np.log(10) * (bank[nearest] / bank[nearest].sum(1, keepdims=True)).T
    tables = window, synthesis, torch.from_numpy(spread)
    first, second, third = (table.float().contiguous().to(device) for table in tables)
    return first, second, third
