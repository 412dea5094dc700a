"""Sound that is like speech, another for every seed."""

import torch
from torch import Tensor

RATE = 16000


def speech(seconds: float, seed: int) -> Tensor:
    """Harmonics of a wandering pitch under wandering formants, and noise: another for every seed."""
    generator = torch.Generator().manual_seed(seed)
    n = round(seconds * RATE)

    def wander(low: float, high: float) -> Tensor:
        points = torch.rand(1, 1, 3 + round(8 * seconds), generator=generator)
        return low + (high - low) * torch.nn.functional.interpolate(points, n, mode="linear")[0, 0]

    phase = (wander(100, 250) / RATE).cumsum(0) * 2 * torch.pi
    pitches = torch.stack([torch.sin(k * phase) for k in range(1, 25)])
    frequency = phase.diff(prepend=torch.zeros(1)) * RATE / (2 * torch.pi) * torch.arange(1, 25)[:, None]
    formants = (wander(300, 900), wander(900, 2200), wander(2200, 3200))
    gain = sum(torch.exp(-(((frequency - formant) / 150) ** 2)) for formant in formants)
    voiced = (pitches * gain).sum(0) * wander(0, 1)
    return 0.1 * voiced + 0.01 * torch.randn(n, generator=generator)


def noisy(waveform: Tensor, decibels: float) -> Tensor:
    """The waveform with noise so many decibels above it."""
    noise = torch.randn(len(waveform), generator=torch.Generator().manual_seed(99))
    return waveform + noise * waveform.square().mean().sqrt() * 10 ** (decibels / 20)
