"""Sound that changes all the time, and its log-mel."""

import numpy as np
import torch

from wavesynth.audio.mel import MelConfig, log_mel

CONFIG = MelConfig()


def speechlike(seed, samples=12_000):
    """Noise whose loudness and colour change all the time."""
    generator = np.random.default_rng(seed)
    envelope = np.interp(np.arange(samples), np.arange(0, samples, 600), generator.uniform(0.02, 0.3, 20))
    noise = generator.standard_normal(samples)
    colour = np.interp(np.arange(samples), np.arange(0, samples, 1200), generator.uniform(0, 1, 10))
    return (envelope * (colour * noise + (1 - colour) * np.convolve(noise, np.ones(9) / 3, "same"))).astype(
        np.float32
    )


def mel(samples):
    return log_mel(torch.from_numpy(samples), CONFIG).numpy()
