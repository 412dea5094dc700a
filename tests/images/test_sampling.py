"""Images are made by what is remembered exactly as by what is computed anew."""

import numpy as np
import pytest
import torch

from wavesynth.images.sampling import Cached, Recomputed, known_prefix, params_from, rows, sample
from wavesynth.models.images import NETWORKS, image_model
from wavesynth.models.pixels import ImageModelConfig
from wavesynth.sampling.draw import choose, draw, inverse_temperature
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.philox import philox
from wavesynth.workers import threads

SHAPES = [
    {"levels": 2},
    {"levels": 256, "labels": 3},
    {"channels": 3, "levels": 8, "features": 12, "hidden": 12, "labels": 2},
    {"levels": 16, "mixture": 2, "kernel": 5, "first_kernel": 3},
    {"height": 4, "width": 9, "levels": 3, "first_kernel": 5},
]


def network(variant="gated", seed=0, **values):
    torch.manual_seed(seed)
    defaults = {
        "height": 6,
        "width": 5,
        "levels": 2,
        "features": 8,
        "hidden": 8,
        "layers": 3,
        "kernel": 3,
        "first_kernel": 7,
    }
    model = image_model(ImageModelConfig(variant=variant, **defaults | values))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model.requires_grad_(False).eval()


def classes(model, count):
    return torch.arange(count) % model.config.labels if model.config.labels else None


class Checked(Cached):
    """Compares each distribution with the one that the full forward gives."""

    compared = 0

    def params(self, row, column):
        mine = super().params(row, column)
        full = Recomputed(self.original, self.x, self.labels, whole=True).params(row, column)
        assert torch.allclose(mine, full, atol=1e-4, rtol=1e-4), (row, column)
        Checked.compared += 1
        return mine

    def __init__(self, model, x, labels):
        super().__init__(model, x, labels)
        self.original, self.labels = model, labels


@pytest.mark.parametrize("values", SHAPES)
def test_each_remembered_distribution_is_that_of_the_full_forward(values):
    model = network(**values)
    Checked.compared = 0
    images = sample(model, params_from(5, 3), classes(model, 3), memory=Checked)
    assert Checked.compared == model.config.dimensions
    assert len({image.numpy().tobytes() for image in images}) == 3


@pytest.mark.parametrize("values", SHAPES)
def test_an_image_of_a_batch_is_the_one_made_alone_and_without_memory(values):
    model = network(**values)
    labels = classes(model, 4)
    together = sample(model, params_from(2**64 - 2, 4), labels)
    for i, seed in enumerate([2**64 - 2, 2**64 - 1, 0, 1]):
        alone = sample(
            model, [SamplingParams(seed)], None if labels is None else labels[i : i + 1], memory=Recomputed
        )
        assert torch.equal(alone[0], together[i])


@pytest.mark.parametrize("variant", NETWORKS)
def test_every_network_makes_the_images_of_its_own_distribution(variant):
    model = network(variant, height=1, width=2, first_kernel=3)
    made = sample(model, params_from(0, 4000))
    pairs = torch.bincount(made.flatten(1) @ torch.tensor([2, 1]), minlength=4) / 4000
    images = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]).view(4, 1, 2, 1)
    assert torch.allclose(pairs, torch.exp(-model.nll(images).sum((1, 2, 3))), atol=0.03)


def test_rows_come_one_by_one_and_are_the_images_rows():
    model = network()
    stream = rows(model, params_from(0, 2))
    first = next(stream)
    assert first.shape == (2, 5, 1)
    assert torch.equal(torch.stack([first, *stream], 1), sample(model, params_from(0, 2)))


@pytest.mark.parametrize("pixels", [0, 1, 10, 13, 30])
@pytest.mark.parametrize("values", SHAPES[:3])
def test_a_completion_keeps_the_known_pixels_and_is_what_the_whole_image_would_have_been(values, pixels):
    model = network(**values)
    keys, labels = params_from(3, 2), classes(model, 2)
    whole = sample(model, keys, labels)
    hidden = whole.clone()
    hidden.flatten(1, 2)[:, pixels:] = 0
    assert torch.equal(sample(model, keys, labels, hidden, pixels), whole)
    other = sample(model, params_from(77, 2), labels, hidden, pixels)
    assert torch.equal(other.flatten(1, 2)[:, :pixels], whole.flatten(1, 2)[:, :pixels])
    assert pixels == 30 or not torch.equal(other, whole)


def test_the_temperature_sharpens_and_a_seed_decides():
    model = network(levels=256)
    cold = sample(model, [SamplingParams(seed, 0.1) for seed in range(8)])
    warm = sample(model, [SamplingParams(seed, 2.0) for seed in range(8)])
    assert model.nll(cold).mean() < model.nll(warm).mean() - 1
    assert torch.equal(cold, sample(model, [SamplingParams(seed, 0.1) for seed in range(8)]))


def test_many_draws_are_the_draws_one_by_one():
    logits = torch.randn(7, 50, generator=torch.Generator().manual_seed(0)) * 3
    seeds = np.array([0, 1, 5, 2**63, 2**64 - 1, 12345, 3], np.uint64)
    index = np.full(7, 2**33 + 9, np.uint64)
    words = philox(seeds, index)
    assert [int(word) for word in words] == [philox(int(seed), 2**33 + 9) for seed in seeds]
    inverse = inverse_temperature(0.7)
    many = choose(logits, torch.from_numpy(words.astype(np.int64)), inverse)
    assert many.tolist() == [
        draw(row, int(seed), 2**33 + 9, inverse) for row, seed in zip(logits, seeds, strict=True)
    ]


def test_any_number_of_threads_makes_the_same_images_and_the_others_threads_stay():
    model = network(features=32, hidden=32, levels=16)
    before = torch.get_num_threads()
    made = []
    for count in (1, 2, 3):
        with threads(count):
            made.append(sample(model, params_from(0, 600)))
    assert torch.equal(made[0], made[1]) and torch.equal(made[0], made[2])
    assert torch.get_num_threads() == before


def test_a_mask_may_end_within_a_row_but_have_no_hole():
    mask = torch.zeros(3, 4, dtype=torch.bool)
    assert known_prefix(mask) == 0
    mask[0] = mask[1, :2] = True
    assert known_prefix(mask) == 6
    mask[2, 1] = True
    with pytest.raises(
        ValueError, match=r"hole at row 1, column 2, before the known pixel at row 2, column 1;"
    ):
        known_prefix(mask)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": None}, "label is missing; it must be from 0 to 2"),
        ({"labels": torch.tensor([0, 3])}, "label is 3; it must be from 0 to 2"),
        ({"labels": torch.tensor([0])}, "there are 1 labels for 2 images; there must be one for each"),
        ({"known": torch.zeros(2, 5, 5, 1, dtype=torch.long)}, r"\[5, 5, 1\]; they must be \[6, 5, 1\]"),
        ({"known": torch.full((2, 6, 5, 1), 2)}, "values from 2 to 2; they must be from 0 to 1"),
        ({"pixels": 31}, "pixels is 31; it must be from 0 to 30"),
    ],
)
def test_what_does_not_fit_is_said_before_the_first_row(arguments, message):
    given = {"labels": torch.tensor([0, 1]), **arguments}
    with pytest.raises(ValueError, match=message):
        rows(network(labels=3), params_from(0, 2), **given)
