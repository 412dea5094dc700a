"""Recordings augmented at random, so that a network follows speakers, rooms and microphones that it never heard.

Pitch and formants together (by playing faster or slower), an equaliser, a room, noise and level. What comes out is
what is to be learned: the features are those of the augmented waveform, and so are the samples.
"""

from __future__ import annotations

import math

import soxr
import torch
from scipy.signal import fftconvolve, lfilter
from torch import Generator, Tensor

__all__ = ["FASTEST", "augment"]

#: Playing speeds, in twentieths: from 0.8 to 1.3.
_SPEEDS = tuple(range(16, 27))
FASTEST = max(_SPEEDS) / 20


def augment(waveform: Tensor, sample_rate: int, generator: Generator) -> Tensor:
    """The waveform [N] as another speaker, room or microphone might have made it: [M], M at least N / FASTEST.

    Everything random comes from the generator. Nothing exceeds ±1.
    """

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    def seldom(share: float) -> bool:
        return float(torch.rand((), generator=generator)) < share

    out = waveform
    if seldom(0.6):
        speed = _SPEEDS[int(torch.randint(len(_SPEEDS), (), generator=generator))]
        out = torch.from_numpy(soxr.resample(out.numpy(), speed, 20))
    if seldom(0.6):
        for _ in range(2):
            centre = 80 * 2 ** uniform(0, math.log2(0.4 * sample_rate / 80))
            out = _peak(out, sample_rate, centre, uniform(-8, 8), uniform(0.4, 1.5))
    if seldom(0.4):
        out = _room(out, sample_rate, uniform(0.1, 0.5), uniform(0, 15), generator)
    if seldom(0.4):
        noise = _coloured(len(out), uniform(0, 1.2), generator)
        out = out + noise * (out.norm() / noise.norm() * 10 ** (-uniform(15, 50) / 20))
    level = 10 ** (uniform(-15, 3) / 20) if seldom(0.7) else 1.0
    peak = float(out.abs().max())
    return out * min(level, 0.99 / max(peak, 1e-9))


def _room(
    waveform: Tensor, sample_rate: int, seconds: float, direct_db: float, generator: Generator
) -> Tensor:
    """With the noise of a room that falls by 60 dB in `seconds`; the direct sound is `direct_db` above all of it."""
    times = torch.arange(1, round(seconds * sample_rate)) / sample_rate
    tail = torch.randn(len(times), generator=generator) * 10 ** (-3 * times / seconds)
    tail *= 10 ** (-direct_db / 20) / tail.norm()
    response = torch.cat([torch.ones(1), tail])
    return torch.from_numpy(fftconvolve(waveform.numpy(), response.numpy())[: len(waveform)])


def _peak(waveform: Tensor, sample_rate: int, centre: float, decibels: float, q: float) -> Tensor:
    """Louder by `decibels` around `centre` hertz, in a band of centre / q (Bristow-Johnson, "Cookbook formulae for
    audio equalizer biquad filter coefficients", peakingEQ)."""
    w, amplitude = 2 * math.pi * centre / sample_rate, 10 ** (decibels / 40)
    alpha, middle = math.sin(w) / (2 * q), -2 * math.cos(w)
    above = [1 + alpha * amplitude, middle, 1 - alpha * amplitude]
    below = [1 + alpha / amplitude, middle, 1 - alpha / amplitude]
    return torch.from_numpy(lfilter(above, below, waveform.double().numpy())).float()


def _coloured(length: int, slope: float, generator: Generator) -> Tensor:
    """Noise whose power falls with frequency to the power of `slope`: 0 is white, 1 is pink."""
    spectrum = torch.fft.rfft(torch.randn(length, generator=generator))
    return torch.fft.irfft(spectrum / torch.arange(1, len(spectrum) + 1) ** (slope / 2), length)
