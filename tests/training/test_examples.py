import pytest
import torch

from tests.data.images import digits
from tests.training.runs import ALONE, image_values, prepared, values
from wavesynth.audio.companding import Deemphasis, decode
from wavesynth.images import sampling as pixels
from wavesynth.models.images import image_model
from wavesynth.training.examples import copy_of_a_clip, some_images
from wavesynth.training.run import parse_run, trainer
from wavesynth.workers import threads


@pytest.mark.parametrize("model", [{}, {"speakers": 1, "classes": 512}, {"mel_bands": 0}])
def test_a_copy_is_drawn_sample_by_sample_beside_the_clip_that_it_copies(tmp_path, model):
    configuration = parse_run(values(prepared(tmp_path / "data"), model=model))
    t = trainer(configuration, tmp_path / "run", ALONE)
    with torch.no_grad():
        t.average.output.weight.mul_(20)
    example = copy_of_a_clip(t.task, t.average, configuration)
    c = configuration.model
    expected = Deemphasis(0.85).push(decode(t.task.validating.tokens[:8000].long(), c.classes, True).numpy())
    assert torch.equal(example.waveforms["original"], torch.from_numpy(expected))
    made = example.waveforms["copy"]
    assert made.shape == (8000,) and made.abs().max() <= 1 and made.std() > 0
    again = copy_of_a_clip(t.task, t.average, configuration)
    assert torch.equal(again.waveforms["copy"], made)
    t.average.output.bias.data[c.classes // 2] += 100  # the averaged weights speak: now they are silent
    silent = copy_of_a_clip(t.task, t.average, configuration).waveforms["copy"]
    assert silent.abs().max() < 0.05


def test_images_are_those_of_the_averaged_weights_where_they_are_quick(tmp_path):
    configuration = parse_run(image_values(digits(tmp_path / "mnist", count=120), {"labels": 3}))
    picture = some_images(image_model(configuration.model)).picture
    assert picture is not None and picture.dtype == torch.uint8 and len(picture.unique()) == 3


def test_images_are_made_with_one_thread(tmp_path, monkeypatch):
    used = []
    made = pixels.rows
    monkeypatch.setattr(pixels, "rows", lambda *of: used.append(torch.get_num_threads()) or made(*of))
    configuration = parse_run(image_values(tmp_path, {}))
    with threads(2):
        some_images(image_model(configuration.model))
    assert used == [1]


def test_networks_that_are_slow_make_no_images():
    slow = parse_run(image_values("x", {"kind": "row-lstm"}))
    assert some_images(image_model(slow.model)).picture is None
