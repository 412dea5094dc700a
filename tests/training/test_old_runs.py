"""Runs of earlier versions go on and are exported: their checkpoints name no kind, and their keys are the old ones."""

import json

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.training import runs
from wavesynth.training.checkpoint import Checkpoint, newest
from wavesynth.training.export import export
from wavesynth.voices.voice import load_voice


def as_then(path):
    """Rewrites a checkpoint as the first version wrote it."""
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["wavesynth"])
    configuration = header["configuration"]
    del header["kind"], header["wavesynth"], configuration["kind"]
    header["format"] = 1
    data, voice = configuration["data"], configuration["voice"]
    for now, then in (
        ("augment", "altered"),
        ("perturb", "disturb"),
        ("burn_in_samples", "unscored_samples"),
    ):
        data[then] = data.pop(now)
    voice["fine"] = voice.pop("activation_bits") == 16
    save_file(load_file(path), path, {"wavesynth": json.dumps(header)})


@pytest.fixture
def run(tmp_path):
    """A run of two steps, as of then, and the configuration of now that goes on to four."""
    configuration = runs.values(runs.prepared(tmp_path / "data"), steps=2, data={"burn_in_samples": 8})
    configuration["voice"]["activation_bits"] = 16
    runs.train(configuration, tmp_path / "run")
    as_then(newest(tmp_path / "run"))
    configuration["training"]["steps"] = 4
    return tmp_path / "run", configuration


def test_a_run_of_an_earlier_version_goes_on(run):
    folder, configuration = run
    assert Checkpoint.load(newest(folder)).kind == "wavenet"
    _, losses, _ = runs.train(configuration, folder, resume=True)
    assert list(losses) == [3, 4]


def test_a_run_of_an_earlier_version_is_exported(run, tmp_path):
    export(run[0], tmp_path / "voice")
    voice = load_voice(tmp_path / "voice")
    assert (voice.kind, voice.activation_bits) == ("wavenet", 16)


def test_a_checkpoint_of_a_newer_version_is_refused_with_the_version_that_it_takes(run):
    path = newest(run[0])
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["wavesynth"])
    header |= {"format": 3, "wavesynth": "9.0"}
    save_file(load_file(path), path, {"wavesynth": json.dumps(header)})
    with pytest.raises(
        ValueError, match=r"format is 3; .* reads 1 to 2: install 9\.0, which wrote it, or newer"
    ):
        Checkpoint.load(path)
