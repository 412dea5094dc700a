"""The network that hears what excites a voice."""

import pytest
import torch

from wavesynth.models.harmonic import CONTEXT, Excitation, Harmonic, HarmonicConfig


@pytest.mark.parametrize("shape", [{}, {"layers": 3, "channels": 32, "noises": 1, "mel_bands": 20}])
def test_its_configuration_says_its_weights(shape):
    config = HarmonicConfig(**shape)
    weights = {name: tuple(weight.shape) for name, weight in Harmonic(config).state_dict().items()}
    assert weights == config.weight_shapes()


def test_what_it_says_of_a_frame_is_of_the_one_after_it():
    network, mel = Harmonic(HarmonicConfig(mel_bands=8, channels=16)), torch.randn(1, 10 + 2 * CONTEXT, 8)
    before = network(mel).pitch
    mel[0, 5 + CONTEXT] += 1  # frame 5
    changed = (network(mel).pitch != before).any(-1)[0]
    assert changed.tolist() == [2 <= frame <= 8 for frame in range(10)]


def test_what_is_true_costs_least():
    network = Harmonic(HarmonicConfig(mel_bands=8, channels=16, noises=2))
    mel = torch.zeros(1, 2 + 2 * CONTEXT, 8)
    true = Excitation(
        torch.tensor([[1.0, 0.0]]), torch.tensor([[30.4, 0.0]]), torch.tensor([[[0.1, 0.9], [0.5, 0.5]]])
    )

    def cost(voiced, pitch, noise):
        with torch.no_grad():
            for layer in network.dense:
                layer.weight.zero_(), layer.bias.zero_()
            said = network.dense[-1].bias
            said[0] = voiced
            said[1:83] = -0.5 * (torch.arange(82) - pitch) ** 2
            said[83:] = torch.logit(torch.tensor(noise))
            return network.nats(mel, true)[0].tolist()

    voiced, unvoiced = cost(3.0, 30.4, [0.1, 0.9])
    assert voiced < min(
        cost(3.0, 33.0, [0.1, 0.9])[0], cost(3.0, 30.4, [0.5, 0.9])[0], cost(-3.0, 30.4, [0.1, 0.9])[0]
    )
    assert unvoiced == cost(3.0, 60.0, [0.4, 0.4])[1]  # its pitch and its noise are nobody's
    assert cost(-3.0, 30.4, [0.1, 0.9])[1] < unvoiced


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"hop": 100}, "hop is 100; it must be a multiple of 16"),
        ({"minimum_phase": 1.5}, "minimum_phase is 1.5; it must be from 0 to 1"),
        ({"lowest": 5.0}, "lowest is 5.0; it must be from 20 to 500 Hz"),
        ({"pitches": 200}, "pitches is 200; it must be such that the highest, 17235 Hz, is at most 2,000"),
    ],
)
def test_what_it_cannot_be_is_named(shape, message):
    with pytest.raises(ValueError, match=message):
        HarmonicConfig(**shape)
