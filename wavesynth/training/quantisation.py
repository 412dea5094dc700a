"""The 8-bit scales of a trained network: of those that calibration can give, the ones that predict audio best."""

from __future__ import annotations

import torch

from wavesynth.data.features import Track, each, untracked
from wavesynth.models.wavenet import WaveNet
from wavesynth.networks import Network
from wavesynth.sampling.calibration import calibrate
from wavesynth.sampling.int8 import Int8Weights, Scales
from wavesynth.sampling.likelihood import likelihood
from wavesynth.training.wavenet import WaveNetTask

__all__ = ["ALPHAS", "best_scales"]

#: SmoothQuant's exponents that are tried; which is best depends on the network.
ALPHAS = (0.5, 0.75, 1.0, 1.25)
_CROPS = 8


@torch.inference_mode()
def best_scales(
    model: WaveNet,
    task: WaveNetTask,
    generator: torch.Generator,
    activation_bits: int = 8,
    track: Track = untracked,
) -> Scales:
    """Calibrates on crops of the training set, and chooses alpha by the int8 likelihood of another crop."""
    tokens, _, *features = task.batch(generator, _CROPS)
    conditioning = task.conditioning(model, *features)
    inputs, targets, *trial_features = task.batch(generator, 1)
    trial = task.conditioning(model, *trial_features)[0]
    exact = Network.of(model)

    def nats(scales: Scales) -> float:
        costs = likelihood(Int8Weights.pack(exact, scales, activation_bits), inputs[0], targets[0], trial)
        return float(costs[task.burn_in :].double().mean())

    found: list[tuple[float, float, Scales]] = []

    def try_(alpha: float) -> None:
        scales = calibrate(model, tokens, conditioning, alpha=alpha, activation_bits=activation_bits)
        found.append((nats(scales), alpha, scales))

    each(try_, ALPHAS, "Finding 8-bit scales", track)
    return min(found)[2]
