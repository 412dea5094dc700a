"""Flows of images are trained by the loop of all models, measured as other models are, and exported as they are."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.images import digits
from tests.training import runs
from tests.training.runs import ALONE, image_values
from wavesynth.images.flows import dequantised
from wavesynth.images.model import load_image_model
from wavesynth.kinds import kind_of
from wavesynth.sampling.params import SamplingParams
from wavesynth.training.checkpoint import Checkpoint, newest
from wavesynth.training.export import export
from wavesynth.training.image_export import measured
from wavesynth.training.images import trained
from wavesynth.training.recipe import ExportOptions
from wavesynth.training.run import parse_run, trainer
from wavesynth.training.task import Report

MODELS = {"nice": {"layers": 1, "features": 8}, "realnvp": {"features": 4, "blocks": 1}}


def values(folder, kind, model=None, size=4, **training):
    """A configuration of a flow of grey images of 256 levels."""
    given = image_values(folder, None, None, **training)
    given["model"] = {"height": size, "width": size, **MODELS[kind], **(model or {})}
    return {**given, "kind": kind, "data": {"folder": str(folder)}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return digits(tmp_path_factory.mktemp("data") / "mnist", count=60)


@pytest.mark.parametrize("kind", MODELS)
def test_a_resumed_run_is_the_run_that_never_stopped(folder, tmp_path, kind):
    _, whole, _ = runs.train(values(folder, kind, {"labels": 3}), tmp_path / "whole")
    runs.train(values(folder, kind, {"labels": 3}), tmp_path / "parts")
    (tmp_path / "parts" / "step-00000006.safetensors").unlink()
    _, rest, _ = runs.train(values(folder, kind, {"labels": 3}), tmp_path / "parts", resume=True)
    assert rest == {step: whole[step] for step in (4, 5, 6)}


@pytest.mark.parametrize("kind", MODELS)
def test_a_flow_learns_and_is_exported_with_the_figures_of_its_files(folder, tmp_path, kind):
    _, losses, _ = runs.train(
        values(folder, kind, steps=60, validate_every=60, ema_decay=0.5), tmp_path / "run"
    )
    assert np.mean([losses[step] for step in range(51, 61)]) < losses[1] - 0.1
    options = ExportOptions(data=folder)
    exported = export(tmp_path / "run", tmp_path / "model", options=options)
    figures = measured(load_image_model(tmp_path / "model"), folder, "test")
    assert figures["bits_per_dim"] == exported.bits_per_dim
    assert figures["nats"] == pytest.approx(figures["bits_per_dim"] * 16 * math.log(2))
    assert figures["values"].startswith("256 levels, each with uniform noise")
    card = (tmp_path / "model" / "CARD.md").read_text()
    assert kind_of(kind).summary(load_image_model(tmp_path / "model").network.config) in card
    assert json.loads((tmp_path / "model" / "model.json").read_text())["kind"] == kind


def test_colours_are_learned_as_grey_is(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(120):
        array = np.full((4, 4, 3), number, np.uint8) + np.arange(3, dtype=np.uint8) * 40
        Image.fromarray(array).save(folder / f"{number}.png")
    for kind in MODELS:
        _, losses, _ = runs.train(values(folder, kind, {"channels": 3}, steps=40), tmp_path / kind)
        assert np.mean([losses[step] for step in range(31, 41)]) < losses[1]
        made = trained(tmp_path / kind).rows([SamplingParams(0), SamplingParams(1)])
        assert torch.stack(list(made), 1).shape == (2, 4, 4, 3)


def test_an_image_has_the_same_noise_in_any_company():
    images = torch.arange(6)[:, None, None, None] + torch.arange(16).view(1, 4, 4, 1)
    noise = dequantised(images) - images
    assert float(noise.min()) >= 0 and float(noise.max()) < 1
    assert torch.equal(dequantised(images[3:4]), dequantised(images)[3:4])
    assert not torch.equal(noise[0], noise[1])


def test_an_image_is_its_seeds_in_any_company(folder, tmp_path):
    runs.train(values(folder, "realnvp"), tmp_path / "run")
    model = trained(tmp_path / "run")
    params = [SamplingParams(seed, 0.7) for seed in range(3)]
    together = torch.stack(list(model.rows(params)), 1)
    alone = torch.stack(list(model.rows(params[1:2])), 1)
    assert (
        together[1:2] - alone
    ).abs().max() <= 1  # the last bits of float32 may fall to either side of a level


def test_what_a_flow_cannot_do_is_refused_before_the_first_row(folder, tmp_path):
    runs.train(values(folder, "nice"), tmp_path / "run")
    model = trained(tmp_path / "run")
    with pytest.raises(ValueError, match="pixels is 4; it must be 0: a flow makes an image at once"):
        model.rows([SamplingParams()], pixels=4)
    with pytest.raises(ValueError, match="label is given, but this model knows none"):
        model.rows([SamplingParams()], torch.zeros(1))
    with pytest.raises(ValueError, match=r"temperature is 2.5; it must be from 0.1 to 2.0"):
        SamplingParams(0, 2.5)


def test_a_scale_that_is_no_number_ends_the_run_with_its_step_and_layer(folder, tmp_path):
    def poison(report):
        if isinstance(report, Report) and report.step == 5:
            coupling = "flow.parts.2.scales.0.parts.2"
            with torch.no_grad():
                t.model.get_submodule(coupling).limit.fill_(math.inf)
                t.model.get_submodule(f"{coupling}.network.last").bias.fill_(1.0)

    t = trainer(parse_run(values(folder, "realnvp", checkpoint_every=2)), tmp_path, ALONE, log=poison)
    with pytest.raises(
        FloatingPointError, match=r"^step 5 .* and flow\.parts\.2\.scales\.0\.parts\.2\.limit is the first"
    ):
        t.run()
    last = Checkpoint.load(newest(tmp_path))
    assert last.step == 4
    assert all(torch.isfinite(tensor).all() for tensor in last.model.values())


@pytest.mark.parametrize(
    ("kind", "model", "sentence"),
    [
        ("realnvp", {"height": 7}, r"height is 7; it must be a multiple of 2"),
        ("realnvp", {"alpha": 0.5}, r"alpha is 0.5; it must be above 0 and below 0.5"),
        ("nice", {"couplings": 1}, r"couplings is 1; it must be a whole number from 2 to 100"),
        ("nice", {"variant": "gated"}, r"\[model\] variant is not a key"),
    ],
)
def test_a_configuration_that_cannot_be_is_one_sentence(folder, kind, model, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse_run(values(folder, kind, model))
