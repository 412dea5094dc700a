"""Small networks with random weights, and their int8 packing, for the tests of this folder."""

import torch

from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.networks import Network
from wavesynth.sampling.calibration import calibrate
from wavesynth.sampling.float32 import Float32Weights
from wavesynth.sampling.int8 import Int8Weights


def network(stacks=2, layers_per_stack=3, residual=16, skip=32, classes=32, hop=5, seed=0, **others):
    """A network whose predictions are far from uniform."""
    torch.manual_seed(seed)
    config = WaveNetConfig(
        stacks,
        layers_per_stack,
        residual,
        skip,
        classes,
        mel_bands=others.pop("mel_bands", 0),
        hop=hop,
        **others,
    )
    model = WaveNet(config).requires_grad_(False).eval()
    model.output.weight *= 40
    return model


def conditioning_for(model, frames, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(frames, model.config.layers, 2 * model.config.residual, generator=generator) * 0.5


def int8(model, seed=2, activation_bits=8):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(model.config.classes, (1, 60 * model.config.hop), generator=generator)
    scales = calibrate(model, tokens, conditioning_for(model, 60)[None], activation_bits=activation_bits)
    return Int8Weights.pack(Network.of(model), scales, activation_bits)


def float32(model):
    return Float32Weights.pack(model)
