import math
from dataclasses import replace

import pytest
import torch

from tests.training.runs import prepared, train, values
from wavesynth.training.checkpoint import Checkpoint, checkpoints, newest
from wavesynth.training.export import ExportOptions, export
from wavesynth.voices.voice import load_voice


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    train(values(folder, validate_every=3), path)
    return path


def test_a_voice_has_the_averaged_weights(run, tmp_path):
    exported = export(run, tmp_path / "voice", options=ExportOptions(seconds=0.1))
    voice, checkpoint = load_voice(tmp_path / "voice"), Checkpoint.load(newest(run))
    assert exported.step == checkpoint.step == 6
    for name, tensor in voice.model.state_dict().items():
        assert torch.equal(tensor, checkpoint.average[name].half().float()), name
    assert voice.name == "test" and voice.speakers == () and voice.preemphasis == 0.85
    assert (tmp_path / "voice" / "CARD.md").read_text().startswith("# test\n")


def test_the_best_is_the_checkpoint_with_the_lowest_validation_loss(run, tmp_path):
    first, second = (Checkpoint.load(path) for path in checkpoints(run))
    assert first.validation > second.validation
    first.save(tmp_path)
    replace(second, validation=9.0).save(tmp_path)  # as if the later one were worse
    exported = export(tmp_path, tmp_path / "voice", lowest=True, options=ExportOptions(seconds=0.5))
    assert exported.step == first.step
    # The validation set is half a second, so the figure is the one that training gave.
    assert exported.seconds == pytest.approx(0.5, abs=0.03)
    assert exported.float32 == pytest.approx(first.validation, abs=0.01)


def test_eight_bits_predict_as_well(folder, tmp_path):
    train(values(folder, steps=40), tmp_path / "run")
    exported = export(tmp_path / "run", tmp_path / "voice", options=ExportOptions(seconds=0.5))
    assert exported.float32 < 7
    assert abs(exported.int8 - exported.float32) < 0.015
    assert exported.int8 != exported.float32


def test_a_voice_of_several_speakers_names_them(folder, tmp_path):
    both = {"speakers": {"a": [folder], "b": [folder]}}
    train(values(folder, steps=2, model={"speakers": 2}, data=both), tmp_path / "run")
    exported = export(tmp_path / "run", tmp_path / "voice", options=ExportOptions(seconds=0.1))
    assert load_voice(tmp_path / "voice").speakers == ("a", "b")
    assert math.isfinite(exported.int8)


def test_only_a_run_can_be_exported(tmp_path):
    with pytest.raises(ValueError, match="holds no checkpoint; it must be the folder of a training run"):
        export(tmp_path, tmp_path / "voice")
    assert not (tmp_path / "voice").exists()
