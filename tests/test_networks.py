"""A network's weights have the shapes that its configuration says, and its module is what was kept."""

import pytest
import torch

from wavesynth.kinds import Kind, kind_of
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.models.pixels_config import VARIANTS, ImageModelConfig
from wavesynth.models.text_config import TextConfig
from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.networks import Network

SMALL = {"stacks": 1, "layers_per_stack": 2, "residual": 16, "skip": 32, "classes": 48, "mel_channels": 5}

COLOURED = {
    "channels": 3,
    "labels": 4,
    "features": 9,
    "layers": 3,
    "kernel": 7,
    "first_kernel": 5,
    "mixture": 2,
}


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("wavenet", WaveNetConfig()),
        ("wavenet", WaveNetConfig(**SMALL, mel_bands=7)),
        ("wavenet", WaveNetConfig(**SMALL, mel_bands=0, speakers=3)),
        *(("pixelcnn", ImageModelConfig(variant=variant, layers=2)) for variant in VARIANTS),
        *(("pixelcnn", ImageModelConfig(variant=variant, hidden=12, **COLOURED)) for variant in VARIANTS),
        ("converter", ConverterConfig()),
        ("text", TextConfig()),
        ("text", TextConfig(bands=7, channels=16, predictor_channels=32, encoder_layers=1, decoder_kernel=3)),
        ("converter", ConverterConfig(bands=7, channels=5, layers=3, past=1, look_ahead=0)),
    ],
)
def test_a_configuration_says_the_shapes_of_the_networks_weights(kind, config):
    kind = kind_of(kind)
    assert kind.weight_shapes(config) == Kind.weight_shapes(kind, config)


@pytest.mark.parametrize("module", [WaveNet(WaveNetConfig(**SMALL)), Converter(ConverterConfig(channels=4))])
def test_a_module_comes_back_as_it_was(module):
    kept = Network.of(module)
    assert kept.module is module
    made = Network(type(module), kept.config, kept.weights).module
    assert all(torch.equal(made.state_dict()[name], weight) for name, weight in module.state_dict().items())
    assert not any(parameter.requires_grad for parameter in made.parameters())


def test_what_becomes_of_a_module_does_not_change_its_network():
    module = WaveNet(WaveNetConfig(**SMALL))
    kept, before = Network.of(module), module.dilated.detach().clone().numpy()
    with torch.no_grad():
        module.dilated.zero_()
    assert (kept.weights["dilated"] == before).all()
