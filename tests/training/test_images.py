"""Models of images are trained by the loop of all models, resumed bit for bit, and exported as they are."""

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.data.images import digits
from tests.training import runs
from tests.training.runs import ALONE
from tests.training.runs import image_values as values
from wavesynth.data.images import ImageSet
from wavesynth.evaluation.images import likelihood_of, receptive_field
from wavesynth.formats import FormatError
from wavesynth.images.model import ImageModel, load_image_model, save_image_model
from wavesynth.kinds import kind_of
from wavesynth.models.images import NETWORKS, image_model
from wavesynth.models.pixels import ImageModelConfig
from wavesynth.networks import Network
from wavesynth.training.checkpoint import newest
from wavesynth.training.images import ImageTask, fixed_images, trained
from wavesynth.training.run import parse_run, read_run, trainer

CONFIGURATIONS = sorted(
    (Path(__file__).parents[2] / "wavesynth" / "configurations" / "images").glob("*.toml")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of one intensity each, from dark to light."""
    return digits(tmp_path_factory.mktemp("data") / "mnist", count=120)


def train(configuration, run, resume=False):
    trainer, losses, _ = runs.train(configuration, run, resume)
    return trainer, losses


@pytest.mark.parametrize("variant", NETWORKS)
def test_a_resumed_run_is_the_run_that_never_stopped(folder, tmp_path, variant):
    model = {"variant": variant, "labels": 3}
    _, whole = train(values(folder, model), tmp_path / "whole")
    train(values(folder, model, steps=6), tmp_path / "parts")
    (tmp_path / "parts" / "step-00000006.safetensors").unlink()
    _, rest = train(values(folder, model), tmp_path / "parts", resume=True)
    assert rest == {step: whole[step] for step in (4, 5, 6)}
    ours, theirs = (trained(tmp_path / run).network.module.state_dict() for run in ("whole", "parts"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_training_learns_the_images(folder, tmp_path):
    configuration = parse_run(values(folder, steps=120))
    trainer, losses = train(configuration.to_json(), tmp_path / "run")
    assert losses[1] > 0.9
    # White with probability n / 255, n to 99: without the context 0.71 bits a pixel, with all of it 0.65.
    images = fixed_images(configuration.model, configuration.data, "train")
    assert likelihood_of(trainer.average, images).bits_per_dim < 0.75


def test_dynamic_images_are_drawn_anew_and_static_ones_once(folder):
    one = values(folder)
    dynamic = ImageTask(image_model(parse_run(one).model), parse_run(one))
    one["data"]["binarisation"] = "static"
    static = ImageTask(dynamic.model, parse_run(one))
    assert static.training.images.max() == 1 and dynamic.training.images.max() > 1
    draws = [
        dynamic.batch(torch.Generator().manual_seed(seed), 400)[0].double().mean((1, 2, 3))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    known = {tuple(image.flatten().tolist()) for image in static.training.images}
    assert all(
        tuple(image.flatten().tolist()) in known
        for image in static.batch(torch.Generator().manual_seed(3), 50)[0]
    )
    for task in (dynamic, static):
        (first,), (again,) = next(task.validation(20)), next(task.validation(20))
        assert torch.equal(first, again) and first.max() == 1


def test_the_likelihood_is_the_sum_over_an_image_and_its_bits_are_per_value():
    model = image_model(
        ImageModelConfig(height=2, width=3, levels=4, features=8, hidden=8, layers=1)
    ).requires_grad_(False)
    torch.nn.init.zeros_(model.last.weight)  # so that all levels are equally likely
    figures = likelihood_of(model, ImageSet(torch.zeros(5, 2, 3, 1, dtype=torch.uint8)), batch=2)
    assert figures.images == 5
    assert figures.nats == pytest.approx(6 * math.log(4), rel=1e-6)
    assert figures.bits_per_dim == pytest.approx(2, rel=1e-6)


def test_the_receptive_field_is_what_the_layers_reach():
    seen = receptive_field(
        image_model(
            ImageModelConfig(height=9, width=9, features=32, hidden=32, layers=2, kernel=3, first_kernel=3)
        ),
        6,
        4,
    )
    expected = torch.zeros(9, 9, dtype=torch.bool)
    expected[4:6, 2:7] = expected[6, 2:4] = True
    assert torch.equal(seen, expected)


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ({}, {"binarisation": None}, "binarisation is None; with 2 levels it must be 'static' or 'dynamic'"),
        ({"levels": 256}, {}, "binarisation is 'dynamic'; with 256 levels it must be left out"),
        ({"variant": "rnn"}, {}, r"\[model\] variant is 'rnn'; it must be 'plain' or 'gated' or"),
        ({"height": 5}, {}, r"channels \[4, 4, 1\]; they must be those of \[model\], \[5, 4, 1\]"),
        ({"labels": 2}, {}, r"\[model\] labels is 2; the images of .* have 3 classes"),
    ],
)
def test_a_wrong_configuration_is_named(folder, tmp_path, model, data, message):
    with pytest.raises(ValueError, match=message):
        trainer(parse_run(values(folder, model, data)), tmp_path, ALONE)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_the_shipped_configurations_are_valid(path):
    configuration = read_run(path)
    assert configuration.model.shape == (28, 28, 1)
    assert kind_of(configuration.kind).weight_shapes(configuration.model)


def test_a_run_cannot_be_resumed_with_another_network(folder, tmp_path):
    train(values(folder, steps=3), tmp_path)
    with pytest.raises(ValueError, match=r"\[model\] features is 16; to resume .* it must be 8"):
        train(values(folder, {"features": 16}), tmp_path, resume=True)
    with pytest.raises(ValueError, match="already holds a run"):
        train(values(folder), tmp_path)


def test_an_exported_model_is_the_averaged_network_in_half_precision(folder, tmp_path):
    train(values(folder, {"labels": 3, "mixture": 2}), tmp_path / "run")
    model = trained(tmp_path / "run")
    assert model.steps == 6 and model.name == "test" and model.binarisation == "dynamic"
    save_image_model(tmp_path / "model", model)
    again = trained(tmp_path / "model")
    assert again.network.config == model.network.config
    for name, tensor in model.network.module.state_dict().items():
        assert torch.equal(tensor.half().float(), again.network.module.state_dict()[name])
    assert trained(newest(tmp_path / "run")).steps == 6
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"weights.safetensors cannot be read"):
        load_image_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"format": 3, "wavesynth": None},
            r"format is 3; wavesynth \S+ reads 1 to 2: install a newer version",
        ),
        ({"format": 3, "wavesynth": "9.1"}, "install 9.1, which wrote it, or newer"),
        ({"colour": "red"}, "model.json has colour, which it must not have"),
        ({"model": {}}, "model lacks channels"),
        ({"steps": "many"}, "steps is 'many'; it must be a whole number, at least 0"),
        ({"kind": "wavenet"}, "kind is 'wavenet'; it must be a kind of models of images"),
        ({"format": 1}, "model.json has kind, wavesynth, which it must not have"),
    ],
)
def test_a_model_of_another_format_is_refused(tmp_path, change, message):
    network = image_model(ImageModelConfig(height=2, width=2, levels=2, features=4, hidden=4, layers=1))
    save_image_model(tmp_path, ImageModel("a", "", "", "", Network.of(network), 0))
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        load_image_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("skip.bias"), "weights lacks skip.bias"),
        (lambda t: t.update(extra=torch.zeros(1)), "weights has extra, which it must not have"),
        (lambda t: t.update({"skip.bias": torch.zeros(3)}), r"skip.bias has shape \[3\]; it must be \[4\]"),
        (lambda t: t["skip.bias"].fill_(float("nan")), "skip.bias has NaN or infinite values"),
    ],
)
def test_a_models_weights_with_a_fault_are_refused_as_a_voices_are(tmp_path, change, message):
    network = image_model(ImageModelConfig(height=2, width=2, levels=2, features=4, hidden=4, layers=1))
    save_image_model(tmp_path, ImageModel("a", "", "", "", Network.of(network), 0))
    tensors = load_file(tmp_path / "weights.safetensors")
    change(tensors)
    save_file(tensors, tmp_path / "weights.safetensors")
    with pytest.raises(FormatError, match=message):
        load_image_model(tmp_path)


def test_the_test_set_is_always_the_same_draw(folder):
    configuration = parse_run(values(folder))
    first, again = (fixed_images(configuration.model, configuration.data, "test") for _ in range(2))
    assert torch.equal(first.images, again.images) and first.images.shape == (3, 4, 4, 1)
