"""Pictures are causal to the letter: by the zeros of the Jacobian, and by probabilities that sum to one."""

import itertools
import math

import pytest
import torch

from wavesynth.models.images import NETWORKS, image_model
from wavesynth.models.pixels import Head, ImageModelConfig


def small(variant="gated", seed=0, **values):
    """A network of random weights at which no derivative vanishes that need not: neither so small nor so large."""
    torch.manual_seed(seed)
    defaults = {
        "height": 5,
        "width": 5,
        "levels": 4,
        "features": 24,
        "hidden": 48,
        "layers": 2,
        "kernel": 3,
        "first_kernel": 3,
    }
    model = image_model(ImageModelConfig(variant=variant, **defaults | values)).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.3 if parameter.dim() == 1 else 0.0, std=0.25)
    return model.requires_grad_(False).eval()


def jacobian(model):
    """[H, W, C, H, W, C] whether the distribution of a value depends on a value, at any of some random images."""
    c = model.config
    generator = torch.Generator().manual_seed(1)
    images = 6  # at one alone, what a ReLU shuts off would not be seen
    labels = torch.zeros(images, dtype=torch.long) if c.labels else None
    x = torch.rand(images, *c.shape, dtype=torch.float64, generator=generator) * 2 - 1
    directions = torch.randn(images, model.head.size, dtype=torch.float64, generator=generator)
    derivative = torch.autograd.functional.jacobian(  # of all images at once: none depends on another
        lambda x: torch.einsum("bhwcn,bn->hwc", model.params(x, labels), directions), x
    )
    return (derivative != 0).any(3)


def order(shape):
    """The place of each value in raster order, red before green before blue: [H, W, C]."""
    return torch.arange(torch.Size(shape).numel()).view(shape)


@pytest.mark.parametrize("labels", [0, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("variant", NETWORKS)
def test_no_value_depends_on_itself_or_on_a_later_one(variant, channels, labels):
    model = small(variant, channels=channels, labels=labels)
    place = order(model.config.shape)
    earlier = place[None, None, None] < place[..., None, None, None]
    depends = jacobian(model)
    assert not (depends & ~earlier).any()
    # The value just before in the same row, or in the same pixel, is used; so is the one above.
    for row, column, channel in itertools.product(range(5), range(5), range(channels)):
        if channel:
            assert depends[row, column, channel, row, column, channel - 1]
        if column:
            assert depends[row, column, channel, row, column - 1].all()
        if row:
            assert depends[row, column, channel, row - 1, column].all()


@pytest.mark.parametrize("variant", ["gated", "diagonal-bilstm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_earlier_is_out_of_sight(variant, channels):
    model = small(variant, channels=channels, height=4, layers=4)
    place = order(model.config.shape)
    assert (jacobian(model) == (place[None, None, None] < place[..., None, None, None])).all()


def test_the_original_pixelcnn_has_its_blind_spot():
    depends = jacobian(small("plain", height=6, width=6, layers=6))[4, 1, 0, :, :, 0]
    earlier = order((6, 6)) < 4 * 6 + 1
    blind = earlier & ~depends
    # One row up it sees one column to the right, so the spot is what lies right of that diagonal.
    row, column = torch.meshgrid(torch.arange(6), torch.arange(6), indexing="ij")
    assert (blind == (earlier & (column - 1 > 4 - row))).all() and blind.any()


def test_one_row_lstm_layer_sees_the_triangle():
    model = small("row-lstm", height=6, width=9, layers=1)
    depends = jacobian(model)[5, 4, 0, :, :, 0]
    row, column = torch.meshgrid(torch.arange(6), torch.arange(9), indexing="ij")
    up, right = 5 - row, column - 4
    # Layer: one column more to either side with each row, and one to the left within the row (input-to-state). The
    # first convolution adds the row above one column wider, and the pixel to the left.
    state = (right >= -up - 1) & (right <= up) & (up >= 0)
    seen = torch.zeros_like(state)
    for i, j in state.nonzero().tolist():
        for k, m in [(i - 1, j - 1), (i - 1, j), (i - 1, j + 1), (i, j - 1)]:
            if 0 <= k < 6 and 0 <= m < 9:
                seen[k, m] = True
    assert (depends == seen).all()
    assert not depends[3].all() and not depends[5, 1]  # a triangle, and not everything above


def test_one_diagonal_bilstm_layer_sees_everything_before():
    depends = jacobian(small("diagonal-bilstm", height=6, width=9, layers=1))
    place = order((6, 9, 1))
    assert (depends == (place[None, None, None] < place[..., None, None, None])).all()


@pytest.mark.parametrize("mixture", [0, 2])
@pytest.mark.parametrize("variant", NETWORKS)
def test_the_probabilities_of_all_images_sum_to_one(variant, mixture):
    model = small(variant, height=2, width=2, levels=2, mixture=mixture).float()
    images = torch.tensor(list(itertools.product(range(2), repeat=4))).view(16, 2, 2, 1)
    total = torch.exp(-model.nll(images).double().sum((1, 2, 3))).sum()
    assert float(total) == pytest.approx(1, abs=1e-6)


def test_the_probabilities_of_all_colours_sum_to_one():
    model = small("gated", height=1, width=1, channels=3, levels=3).float()
    images = torch.tensor(list(itertools.product(range(3), repeat=3))).view(27, 1, 1, 3)
    assert float(torch.exp(-model.nll(images).double().sum((1, 2, 3))).sum()) == pytest.approx(1, abs=1e-6)


def test_a_mixture_gives_each_level_the_mass_of_its_interval():
    head = Head(256, mixture=3)
    weights, means, log_scales = torch.tensor([[0.3, -1, 0.5], [-0.9, 0.1, 0.8], [-2.0, -3.5, -1.0]]).double()
    logits = head.logits(torch.cat([weights, means, log_scales]))
    assert float(logits.exp().sum()) == pytest.approx(1, abs=1e-5)
    edges = (torch.arange(255).double() + 0.5) / 127.5 - 1  # between the levels
    below = (torch.softmax(weights, 0) * torch.sigmoid((edges[:, None] - means) / log_scales.exp())).sum(1)
    mass = torch.diff(below, prepend=torch.zeros(1), append=torch.ones(1))
    assert torch.allclose(logits.exp().double(), mass, atol=1e-6)
    values = torch.tensor([0, 17, 255])
    nats = head.nll(torch.cat([weights, means, log_scales]).expand(3, -1), values)
    assert torch.allclose(nats, -logits[values])


def test_far_from_its_means_a_mixture_stays_finite_and_can_learn():
    numbers = torch.tensor(
        [0.0, -1.0, -7.0], requires_grad=True
    )  # one component at level 0, as sharp as may be
    nats = Head(256, mixture=1).nll(numbers.expand(1, -1), torch.tensor([200]))
    nats.sum().backward()
    assert torch.isfinite(nats).all() and nats > 100
    assert torch.isfinite(numbers.grad).all() and float(numbers.grad[1]) < 0


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("mean", [-1e30, -1e5, -1.0, 0.0, 0.7, 1e5, 1e30])
@pytest.mark.parametrize("log_scale", [-1e30, -90.0, -7.0, 0.0, 19.0, 21.0, 85.0, 90.0, 1e4])
def test_a_component_of_any_scale_and_mean_has_finite_gradients(log_scale, mean, autocast):
    parameters = torch.tensor([0.0, 0.0, mean, 0.1, log_scale, -1.0])
    parameters = (parameters.bfloat16() if autocast else parameters).requires_grad_()
    for values in ([0], [1, 100, 254], [255]):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            nats = Head(256, 2).nll(parameters.expand(len(values), -1), torch.tensor(values))
        (gradient,) = torch.autograd.grad(nats.sum(), parameters)
        assert torch.isfinite(nats).all() and torch.isfinite(gradient).all()


def test_a_component_that_is_ever_wider_pays_its_width():
    parameters = torch.tensor(
        [[0.0, 0.0, s] for s in (19.0, 19.999, 20.001, 21.0, 100.0)], requires_grad=True
    )
    nats = Head(256, 1).nll(parameters, torch.full((5,), 100))
    expected = parameters[:, 2] + math.log(127.5) + 2 * math.log(2)  # the density in its middle is 1 / 4s
    assert torch.allclose(nats, expected, rtol=1e-6)
    (gradient,) = torch.autograd.grad(nats.sum(), parameters)
    assert torch.allclose(gradient[:, 2], torch.ones(5), atol=1e-4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"channels": 3, "features": 8}, "features is 8; it must be a multiple of channels, 3"),
        ({"kernel": 4}, "kernel is 4; it must be odd"),
        ({"levels": 257}, "levels is 257; it must be a whole number from 2 to 256"),
    ],
)
def test_a_wrong_size_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        ImageModelConfig(**values)


def test_wrong_images_and_labels_are_named():
    with pytest.raises(ValueError, match=r"pixels has shape \[1, 5, 4, 1\]; it must be \[B, 5, 5, 1\]"):
        small()(torch.zeros(1, 5, 4, 1, dtype=torch.long))
    with pytest.raises(ValueError, match="label is missing, but the model has 3 labels"):
        small(labels=3)(torch.zeros(1, 5, 5, 1, dtype=torch.long))
    with pytest.raises(ValueError, match="label is given, but the model has 0 labels"):
        small()(torch.zeros(1, 5, 5, 1, dtype=torch.long), torch.zeros(1, dtype=torch.long))


def test_the_default_network_has_3_4_million_parameters():
    with torch.device("meta"):
        model = image_model(ImageModelConfig(levels=2))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(3.4e6, rel=0.05)
