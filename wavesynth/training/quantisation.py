"""The 8-bit gains of a trained network: of those that calibration can give, the ones that predict audio best."""

from __future__ import annotations

import torch

from wavesynth.data.features import Track, each, untracked
from wavesynth.evaluation.likelihood import likelihood
from wavesynth.models.wavenet import WaveNet
from wavesynth.sampling.calibration import calibrate
from wavesynth.sampling.int8 import Int8Weights, Scales
from wavesynth.sampling.weights import Float32Weights
from wavesynth.training.wavenet import WaveNetTask

__all__ = ["BALANCES", "best_gains"]

#: How far channels are balanced between activations and weights; which is best depends on the network.
BALANCES = (0.5, 0.75, 1.0, 1.25)
_CROPS = 8


@torch.inference_mode()
def best_gains(
    model: WaveNet,
    task: WaveNetTask,
    generator: torch.Generator,
    fine: bool = False,
    track: Track = untracked,
) -> Scales:
    """Calibrates on crops of the training set, and chooses the balance by the int8 likelihood of another crop."""
    tokens, _, *features = task.batch(generator, _CROPS)
    conditioning = task.conditioning(model, *features)
    inputs, targets, *trial_features = task.batch(generator, 1)
    trial = task.conditioning(model, *trial_features)[0]
    exact = Float32Weights.pack(model)

    def nats(gains: Scales) -> float:
        costs = likelihood(Int8Weights.pack(exact, gains, fine), inputs[0], targets[0], trial)
        return float(costs[task.unscored :].double().mean())

    found: list[tuple[float, float, Scales]] = []

    def try_(balance: float) -> None:
        gains = calibrate(model, tokens, conditioning, balance=balance, fine=fine)
        found.append((nats(gains), balance, gains))

    each(try_, BALANCES, "Finding 8-bit gains", track)
    return min(found)[2]
