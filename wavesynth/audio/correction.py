"""Made audio, filtered so that its log-mel is the one that was asked for.

What a voice draws has the pitch and the timing of its conditioning, but each band of each frame comes out a little
too loud or too soft: it is a random draw, of a model that is not perfect. What was asked for is known, since it is
what the voice is conditioned on. So each frame of the short-time spectrum is scaled by their ratio, band by band:

    gain[f] = clamp(wanted[f] / made[f])                      amplitudes of the mel bands, from -40 to +20 dB
    G[f]    = the bands' gains as the FFT's bins have them: of each bin, the geometric mean over its bands
    y       = sum over f of window · IFFT(G[f] · FFT(window · x)) / sum over f of window²

which is least-squares modification of the short-time spectrum (Griffin and Lim, 1984, eq. 6) with the phase as drawn.
A frame's log-mel needs samples half an analysis window ahead, and each sample the frames whose windows reach it:

    samples  ····· k·160 ··········· (k+1)·160 ············ (k+1)·160 + 400
    final up to ─────┘       frame k+1 ┘     its log-mel needs all up to ┘        so 560 samples, 35 ms, ahead

The frames that overlap disagree, so y is nearer to what was asked for and not there yet; a second pass over y is nearer
again (as in Griffin and Lim's iteration, but with the phase as it is), and as much later.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.mel import MelConfig, StreamingLogMel, features, filter_bank
from wavesynth.audio.rows import Rows, alone

__all__ = ["MOST_PASSES", "SpectralCorrection", "can_correct", "correct"]

#: Passes that a voice may ask for.
MOST_PASSES = 4

#: The most that a band is cut and boosted, in log10 of amplitude: 40 and 20 decibels.
_CUT, _BOOST = -2.0, 1.0


class SpectralCorrection:
    """The filter over a stream, `passes` times (0: not at all), with the same bits wherever the stream is cut.

    Raises ValueError for an analysis that cannot be corrected by: see `can_correct`.

    >>> correction = SpectralCorrection(MelConfig())
    >>> hop, frame = np.zeros(160, np.float32), np.zeros((1, 80), np.float32)
    >>> [len(correction.push(hop, frame)) for _ in range(5)], len(correction.finish())
    ([0, 0, 0, 64, 160], 576)
    """

    def __init__(self, config: MelConfig, passes: int = 1) -> None:
        self.passes = [_Pass(config) for _ in range(passes)]
        self._nothing_wanted = np.zeros((0, config.bands), np.float32)

    def push(self, samples: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes the next samples [n] and the next log-mel frames wanted [f, bands], which may be ahead of the
        samples; returns the samples [m] that are now final, float32."""
        (final,) = correct([self], [samples], [wanted], last=[False])
        return final

    def finish(self) -> NDArray[np.float32]:
        """The last samples, as if silence followed; nothing may be pushed after."""
        (final,) = correct([self], [np.zeros(0, np.float32)], [self._nothing_wanted], last=[True])
        return final


def correct(
    corrections: Sequence[SpectralCorrection],
    samples: Sequence[NDArray[np.float32]],
    wanted: Sequence[NDArray[np.float32]],
    last: Sequence[bool],
    rows: Rows = alone,
) -> list[NDArray[np.float32]]:
    """What each correction's `push` gives, and where `last` its `finish` after it: what costs time together, by `rows`.

    All corrections are of one analysis; some may have more passes than others.
    """
    out = list(samples)
    for number in range(max((len(correction.passes) for correction in corrections), default=0)):
        some = [i for i, correction in enumerate(corrections) if number < len(correction.passes)]
        passes = [corrections[i].passes[number] for i in some]
        finals = _once(passes, [(out[i], wanted[i], last[i]) for i in some], rows)
        for i, final in zip(some, finals, strict=True):
            out[i] = final
    return out


class _Pass:
    """The filter once."""

    def __init__(self, config: MelConfig) -> None:
        self.config = config
        self._hop, self._length = config.hop, window_length(config)
        if not can_correct(config.bands, config):
            raise ValueError(
                f"mel window is {config.window}; to correct the spectrum it must be at least "
                f"{1 << (2 * config.hop - 1).bit_length()}, two hops"
            )
        self._weights = _window(config, torch.device("cpu")).square().numpy()
        self._analysis = StreamingLogMel(config)
        self._wanted = np.zeros((0, config.bands), np.float32)  # of frames that are not filtered yet
        self._made = np.zeros((0, config.bands), np.float32)
        # From the first sample under the next frame's window on: what came, the sum that goes out, and its weights.
        self._input = np.zeros(self._length // 2)
        self._sum, self._weight = np.zeros(self._length), np.zeros(self._length)
        self._before = self._length // 2  # samples there that lie before the stream's first
        self._left = 0  # samples that came in and did not go out
        self._ended = False

    def take(self, samples: NDArray[np.float32], wanted: NDArray[np.float32], last: bool) -> Tensor:
        """Takes what `push` takes, and whether that is all; returns the windows [f, window] whose log-mel is wanted."""
        self._left += len(samples)
        self._wanted = np.concatenate([self._wanted, wanted])
        windows = self._analysis.windows(torch.from_numpy(samples))
        if last:
            self._ended = True
            windows = torch.cat([windows, self._analysis.rest()])
            samples = np.concatenate([samples, np.zeros(self._length, np.float32)])
        self._input = np.concatenate([self._input, samples])
        return windows

    def due(self, made: Tensor) -> tuple[Tensor, Tensor]:
        """Takes the log-mel [f, bands] of those windows; returns the frames that can be filtered now, [g, length],
        and the gains of their bands [g, bands], in log10, float64."""
        self._made = np.concatenate([self._made, made.numpy()])
        count = min(len(self._made), len(self._wanted))
        # A feature is half the log10 of power: log10 of amplitude.
        gains = np.clip((self._wanted[:count] - self._made[:count]).astype(np.float64), _CUT, _BOOST)
        self._made, self._wanted = self._made[count:], self._wanted[count:]
        frames = torch.from_numpy(self._input)
        frames = (
            frames.unfold(0, self._length, self._hop)[:count] if count else frames.new_zeros(0, self._length)
        )
        self._input = self._input[count * self._hop :]
        return frames, torch.from_numpy(gains)

    def add(self, filtered: Tensor) -> NDArray[np.float32]:
        """Takes those frames filtered, [g, length]; returns the samples [m] that no later frame reaches."""
        out = [np.zeros(0, np.float32)]
        for frame in filtered.numpy():
            self._sum += frame
            self._weight += self._weights
            out.append(self._final(self._hop))
        if self._ended:
            out.append(self._final(self._before + self._left))
        return np.concatenate(out)

    def _final(self, count: int) -> NDArray[np.float32]:
        """The next `count` samples of the sum, but for those before the stream's first."""
        skipped = min(self._before, count)
        self._before -= skipped
        rest = np.zeros(count)
        final = self._sum[skipped:count] / np.maximum(self._weight[skipped:count], 1e-9)
        self._sum, self._weight = (np.concatenate([a[count:], rest]) for a in (self._sum, self._weight))
        self._left -= len(final)
        return final.astype(np.float32)


def _once(
    passes: Sequence[_Pass],
    given: Sequence[tuple[NDArray[np.float32], NDArray[np.float32], bool]],
    rows: Rows,
) -> list[NDArray[np.float32]]:
    """The samples that are now final of each pass, from its next samples and wanted frames, and whether that is all."""
    config = passes[0].config
    windows = [each.take(*its) for each, its in zip(passes, given, strict=True)]
    mels = rows(features, torch.cat(windows), config=config).split([len(w) for w in windows])
    frames, gains = zip(*(each.due(mel) for each, mel in zip(passes, mels, strict=True)), strict=True)
    filtered = rows(_filtered, torch.cat(frames), torch.cat(gains), config=config)
    return [each.add(f) for each, f in zip(passes, filtered.split([len(f) for f in frames]), strict=True)]


def _filtered(frames: Tensor, gains: Tensor, config: MelConfig) -> Tensor:
    """window · IFFT(G · FFT(window · frames)), [g, length], of the gains of the bands [g, bands], in log10."""
    window, length = _window(config, frames.device), frames.shape[-1]
    spectrum = torch.fft.rfft(frames * window, config.n_fft)
    spectrum = spectrum * 10 ** (gains @ _spread(config, frames.device))
    return torch.fft.irfft(spectrum, config.n_fft)[..., :length] * window


def can_correct(bands: int, config: MelConfig) -> bool:
    """Whether there is a log-mel to correct by, of `bands` bands, and windows overlap enough: by half at least."""
    return bands > 0 and window_length(config) >= 2 * config.hop


def window_length(config: MelConfig) -> int:
    """Samples of the window under which the spectrum is scaled: the longest power of two in the analysis window."""
    return 1 << (config.window.bit_length() - 1)


@lru_cache(maxsize=8)
def _window(config: MelConfig, device: torch.device) -> Tensor:
    """The window under which the spectrum is scaled, float64 [length]."""
    return torch.hann_window(window_length(config), dtype=torch.float64, device=device)


@lru_cache(maxsize=8)
def _spread(config: MelConfig, device: torch.device) -> Tensor:
    """Log gains of the bands to those of the bins, as a matrix [bands, n_fft // 2 + 1]. A bin in no band, such as
    0 Hz, has what its nearest neighbour has."""
    bank = filter_bank(config).numpy()
    inside = np.flatnonzero(bank.sum(1) > 1e-9)
    nearest = inside[np.abs(np.arange(len(bank))[:, None] - inside).argmin(1)]
    spread = bank[nearest] / bank[nearest].sum(1, keepdims=True)
    return torch.from_numpy(spread).T.contiguous().to(device)
