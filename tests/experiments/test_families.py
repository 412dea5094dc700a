"""The scripts about the lecture's four families: what they compare is what it is called."""

import math
import sys

import pytest
import torch

from experiments import families, generation, missed_modes
from experiments.adversarial import of_points
from experiments.autoencoder import Autoencoder
from tests.data.images import digits


def run(script, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, arguments)])
    script.main()


def test_the_bound_of_an_autoencoder_tends_to_its_likelihood_from_below():
    torch.manual_seed(0)
    network = Autoencoder(side=8, latent=1, features=4)
    pixels = torch.randint(0, 256, (1, 8, 8)).float()
    z = torch.linspace(-6, 6, 1201)[:, None]
    with torch.no_grad():
        for weight in network.decoder.parameters():
            weight *= 3  # so that what is drawn matters
        params = network.decoder(z).permute(0, 2, 3, 1)
        given = -network.head.nll(params, pixels.long().expand(len(z), -1, -1)).sum((1, 2))
        density = given - 0.5 * z[:, 0] ** 2 - 0.5 * math.log(2 * math.pi)
        exact = torch.logsumexp(density, 0) + math.log(0.01)  # the integral over z
        one = torch.cat([network.bound(pixels, torch.Generator().manual_seed(s)) for s in range(500)])
        many = network.bound(pixels, torch.Generator().manual_seed(0), 4000)
    assert one.mean() < exact - 1
    assert many.item() == pytest.approx(exact.item(), abs=0.05)


def test_an_autoencoder_draws_by_its_own_probabilities():
    torch.manual_seed(0)
    network = Autoencoder(side=4, latent=1, features=4)
    with torch.no_grad():
        network.decoder[-1].weight.zero_()  # so that all latents mean the same
        made = network.sample(20_000, torch.Generator().manual_seed(0))
        params = network.decoder(torch.zeros(1, 1)).permute(0, 2, 3, 1)[0, 0, 0]
        probability = torch.softmax(network.head.logits(params[None])[0], -1)
    assert made.shape == (20_000, 4, 4)
    drawn = torch.bincount(made.flatten(), minlength=256) / made.numel()
    assert torch.allclose(drawn.cumsum(0), probability.cumsum(0), atol=0.005)


def test_an_adversarial_step_moves_both_networks():
    torch.manual_seed(0)
    rivals = of_points(hidden=4)
    before = [p.clone() for n in (rivals.generator, rivals.discriminator) for p in n.parameters()]
    rivals.step(torch.ones(8, 2), torch.Generator().manual_seed(0))
    after = [p for n in (rivals.generator, rivals.discriminator) for p in n.parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_missed_modes_are_told_in_a_table_and_a_picture(tmp_path, monkeypatch):
    run(missed_modes, monkeypatch, "--seconds", 0, "--out", tmp_path)
    lines = (tmp_path / "missed-modes.md").read_text("utf-8").splitlines()
    assert [line.split("|")[2].strip() for line in lines[2:]].count("no") == 2
    assert (tmp_path / "missed-modes.png").read_bytes().startswith(b"\x89PNG")


def test_families_are_compared_in_a_table_and_a_picture(tmp_path, monkeypatch):
    data = digits(tmp_path / "digits", size=28)
    monkeypatch.setattr(families, "_MANY", 5)
    run(families, monkeypatch, "mnist", "--data", data, "--minutes", 0, "--images", 2, "--out", tmp_path)
    table = (tmp_path / "families.md").read_text("utf-8")
    for name in ("mnist (pixelcnn)", "variational autoencoder", "GAN"):
        assert f"| {name} |" in table
    assert (tmp_path / "families.png").read_bytes().startswith(b"\x89PNG")


def test_a_voice_is_timed_in_all_ways_of_generating(tmp_path, monkeypatch):
    monkeypatch.setattr(generation, "definition", lambda name: {f"{name}: slowly": 2.0})
    monkeypatch.setattr(generation, "served", lambda name: 0.5)
    run(generation, monkeypatch, "--voices", "allison-small", "--out", tmp_path)
    table = (tmp_path / "generation.md").read_text("utf-8")
    assert "| allison-small: as it is served | 0.500 | 4 |" in table


@pytest.mark.parametrize("script", [missed_modes, families, generation])
def test_nothing_is_measured_where_the_table_cannot_be_written(script, tmp_path, monkeypatch):
    name = script.__name__.rpartition(".")[2].replace("_", "-")
    (tmp_path / f"{name}.md").mkdir()
    arguments = ["mnist", "--data", tmp_path] if script is families else []
    with pytest.raises(OSError, match=rf"{name}\.md"):
        run(script, monkeypatch, *arguments, "--out", tmp_path)
