"""A critic tells smooth log-mel from recorded, what it says sharpens it, and it stays out of the voice."""

import torch

from wavesynth.models.text_to_mel import TextConfig, TextToMel
from wavesynth.training.mel_critic import (
    CriticisedTextToMel,
    MelCritic,
    adversarial_losses,
    without_critic,
)

SMALL = TextConfig(channels=16, predictor_channels=16, encoder_layers=1, predictor_layers=1, decoder_layers=1)


def rough(seed):
    return torch.randn(4, 32, 80, generator=torch.Generator().manual_seed(seed))


def test_it_learns_to_tell_them_apart_and_its_maker_to_please_it():
    torch.manual_seed(0)
    critic, spread = MelCritic((8, 8)), torch.nn.Parameter(torch.tensor(0.2))
    optimizer = torch.optim.Adam([{"params": critic.parameters(), "lr": 3e-3}, {"params": [spread], "lr": 0}])
    errors = []
    for step in range(60):
        recorded, noise = rough(2 * step), rough(2 * step + 1)
        if step == 30:  # the critic knows by now, and its maker begins to learn
            optimizer.param_groups[1]["lr"] = 0.02
        paid, found_out = adversarial_losses(critic, spread * noise, recorded)
        optimizer.zero_grad()
        (paid + found_out).backward()
        optimizer.step()
        errors.append(float(paid.detach()))
    assert errors[29] < 0.3 * errors[0]
    assert 0.5 < float(spread.detach()) < 1.5


def test_each_pays_for_its_own_errors():
    critic, made = MelCritic((8, 8)), rough(1).requires_grad_()
    errors, found_out = adversarial_losses(critic, made, rough(0))
    errors.backward(retain_graph=True)
    assert made.grad is None and all(weight.grad is not None for weight in critic.parameters())
    critic.zero_grad()
    found_out.backward()
    assert made.grad is not None and all(weight.grad is None for weight in critic.parameters())


def test_the_text_network_can_be_had_without_it():
    both = CriticisedTextToMel(SMALL)
    TextToMel(SMALL).load_state_dict(without_critic(both.state_dict()))
