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

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from wavesynth.audio.mel import MelConfig, StreamingLogMel, filter_bank

__all__ = ["MOST_PASSES", "SpectralCorrection", "can_correct"]

#: Passes that a voice may ask for.
MOST_PASSES = 4

#: The most that a band is cut and boosted, in log10 of amplitude: 40 and 20 decibels.
_CUT, _BOOST = -2.0, 1.0
_LOG_10 = np.log(10)


class SpectralCorrection:
    """The filter over a stream, `passes` times, with the same bits wherever the stream is cut.

    Raises ValueError for an analysis that cannot be corrected by: see `can_correct`.

    >>> correction = SpectralCorrection(MelConfig())
    >>> hop, frame = np.zeros(160, np.float32), np.zeros((1, 80), np.float32)
    >>> [len(correction.push(hop, frame)) for _ in range(5)], len(correction.finish())
    ([0, 0, 0, 64, 160], 576)
    """

    def __init__(self, config: MelConfig, passes: int = 1) -> None:
        self._passes = [_Pass(config) for _ in range(passes)]

    def push(self, samples: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes the next samples [n] and the next log-mel frames wanted [f, bands], which may be ahead of the
        samples; returns the samples [m] that are now final, float32."""
        for each in self._passes:
            samples = each.push(samples, wanted)
        return samples

    def finish(self) -> NDArray[np.float32]:
        """The last samples, as if silence followed; nothing may be pushed after."""
        rest = np.zeros(0, np.float32)
        for each in self._passes:
            rest = np.concatenate([each.push(rest, each.nothing_wanted), each.finish()])
        return rest


class _Pass:
    """The filter once."""

    def __init__(self, config: MelConfig) -> None:
        self._hop, self._length, self._n_fft = config.hop, window_length(config), config.n_fft
        if not can_correct(config.bands, config):
            raise ValueError(
                f"mel window is {config.window}; to correct the spectrum it must be at least "
                f"{1 << (2 * config.hop - 1).bit_length()}, two hops"
            )
        self._window = torch.hann_window(self._length, dtype=torch.float64).numpy()
        self._spread = _spread(config)
        self._analysis = StreamingLogMel(config)
        self.nothing_wanted = np.zeros((0, config.bands), np.float32)
        self._wanted = self._made = self.nothing_wanted  # of frames that are not filtered yet
        # From the first sample under the next frame's window on: what came, the sum that goes out, and its weights.
        self._input = np.zeros(self._length // 2)
        self._sum, self._weight = np.zeros(self._length), np.zeros(self._length)
        self._before = self._length // 2  # samples there that lie before the stream's first
        self._left = 0  # samples that came in and did not go out

    def push(self, samples: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
        self._left += len(samples)
        self._wanted = np.concatenate([self._wanted, wanted])
        self._input = np.concatenate([self._input, samples])
        self._made = np.concatenate([self._made, self._analysis.push(torch.from_numpy(samples)).numpy()])
        return self._filter()

    def finish(self) -> NDArray[np.float32]:
        self._made = np.concatenate([self._made, self._analysis.finish().numpy()])
        self._input = np.concatenate([self._input, np.zeros(self._length)])
        ready = self._filter()
        return np.concatenate([ready, self._final(self._before + self._left)])

    def _filter(self) -> NDArray[np.float32]:
        """Filters the frames of which everything is known; returns the samples that no later frame reaches."""
        frames = min(len(self._made), len(self._wanted))
        out = [np.zeros(0, np.float32)]
        for made, wanted in zip(self._made[:frames], self._wanted[:frames], strict=True):
            gain = np.clip(
                (wanted - made).astype(np.float64), _CUT, _BOOST
            )  # a feature is log10 of amplitude
            spectrum = np.fft.rfft(self._input[: self._length] * self._window, self._n_fft)
            low, high, share = self._spread
            spectrum *= np.exp(_LOG_10 * (share * gain[low] + (1 - share) * gain[high]))
            self._sum += np.fft.irfft(spectrum, self._n_fft)[: self._length] * self._window
            self._weight += self._window**2
            out.append(self._final(self._hop))
            self._input = self._input[self._hop :]
        self._made, self._wanted = self._made[frames:], self._wanted[frames:]
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


def can_correct(bands: int, config: MelConfig) -> bool:
    """Whether there is a log-mel to correct by, of `bands` bands, and windows overlap enough: by half at least."""
    return bands > 0 and window_length(config) >= 2 * config.hop


def window_length(config: MelConfig) -> int:
    """Samples of the window under which the spectrum is scaled: the longest power of two in the analysis window."""
    return 1 << (config.window.bit_length() - 1)


@lru_cache(maxsize=8)
def _spread(config: MelConfig) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """The two bands that each bin of the FFT lies in, [n_fft // 2 + 1] each, and the share of the first in its gain.
    A bin in no band, such as 0 Hz, has what its nearest neighbour has."""
    bank = filter_bank(config).numpy()
    inside = np.flatnonzero(bank.sum(1) > 1e-9)
    nearest = bank[inside[np.abs(np.arange(len(bank))[:, None] - inside).argmin(1)]]
    high, low = np.argsort(nearest, axis=1, kind="stable")[:, -2:].T
    weights = np.take_along_axis(nearest, np.stack([low, high], 1), 1)
    return low, high, weights[:, 0] / weights.sum(1)
