"""A converter learns what a speaker would have said, its run resumes bit for bit, and a voice can hear through it."""

import pytest
import torch

pytest.importorskip("pkg_resources", reason="needs setuptools<80: pip install '.[evaluate]'")
pytest.importorskip("pyworld", reason="needs pyworld: pip install '.[evaluate]'")

from tests.training import runs
from tests.training.runs import prepared
from wavesynth.audio.mel import log_mel
from wavesynth.data.dataset import Recordings
from wavesynth.models.wavenet import WaveNet
from wavesynth.training.checkpoint import newest
from wavesynth.training.converter import trained_converter
from wavesynth.training.export import ExportOptions, export
from wavesynth.training.run import parse_run
from wavesynth.training.wavenet import WaveNetTask
from wavesynth.voices.voice import load_voice

COPIES = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("converter"))


def values(folder, **training):
    """A configuration as a TOML file would give it."""
    return {
        "converter": {"channels": 16, "layers": 1},
        "data": {"speakers": {"a": [folder]}, "perturb": COPIES, "crop_frames": 20},
        "training": {
            "batch_size": 4, "steps": 6, "learning_rate": 1e-2, "warmup_steps": 2, "validate_every": 100,
            "checkpoint_every": 3, "precision": "float32", "compile": False, **training,
        },
    }  # fmt: skip


def train(configuration, run, resume=False):
    trainer, losses, _ = runs.train(configuration, run, resume)
    return trainer, losses


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    trainer, losses = train(values(folder, steps=60, learning_rate=3e-2), path)
    return path, trainer, losses


def test_it_learns(run):
    _, _, losses = run
    assert sum(losses[step] for step in range(51, 61)) / 10 < losses[1] - 1


def test_a_resumed_run_is_the_run_that_never_stopped(folder, tmp_path):
    whole, losses = train(values(folder), tmp_path / "whole")
    train(values(folder, steps=3), tmp_path / "halves")
    halves, rest = train(values(folder), tmp_path / "halves", resume=True)
    assert rest == {step: losses[step] for step in (4, 5, 6)}
    for a, b in zip(whole.model.parameters(), halves.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_others_speak_for_themselves_while_it_learns_and_are_not_kept(folder, tmp_path):
    v = values(folder, steps=40, learning_rate=3e-2)
    v["data"]["speakers"]["b"] = [prepared(tmp_path / "b", seed=3)]  # four times as high
    trainer, _ = train(v, tmp_path / "run")
    model, task = trainer.average, trainer.task
    batch = next(task.training.sequential(50, 9))
    assert set(batch.speaker.tolist()) == {0, 1}
    with torch.inference_mode():
        right = model.nll(model.becoming(batch.source, batch.speaker), batch.target).mean()
        swapped = model.nll(model.becoming(batch.source, 1 - batch.speaker), batch.target).mean()
    assert right < swapped - 0.05
    kept = trained_converter(tmp_path / "run", parse_run(v).data)
    assert "others" not in kept.state_dict()
    torch.testing.assert_close(kept(batch.source)[0], model.becoming(batch.source, 0 * batch.speaker))
    assert {int(speaker) for pair in task.validation(4) for speaker in pair[-1]} == {0}


def through(folder, converter, **others):
    v = runs.values(folder, data={"perturb": COPIES}, **others)
    return {**v, "converter": str(converter)}


def test_a_voice_learns_from_copies_as_the_converter_says_them(folder, run):
    path, _, _ = run
    configuration = parse_run(through(folder, path))
    converter = trained_converter(path, configuration.data)
    [(stem, waveform)] = Recordings(folder).split("validation")
    copies = Recordings(folder).copies("validation", stem, waveform, COPIES)
    want = converter.convert(torch.stack([log_mel(copy) for copy in copies]), configuration.data.mel.silence)
    mel = WaveNetTask(WaveNet(configuration.model), configuration).validating.mel
    assert torch.equal(mel, want.flatten(0, 1))


def test_an_exported_voice_has_the_converter_it_learned_through(folder, run, tmp_path):
    path, _, _ = run
    runs.train(through(folder, path, steps=1), tmp_path / "run")
    export(tmp_path / "run", tmp_path / "voice", options=ExportOptions(seconds=0.1))
    voice = load_voice(tmp_path / "voice")
    mel = torch.randn(1, 9, 80)
    want = trained_converter(path, parse_run(through(folder, path)).data).convert(mel, -1.5)
    torch.testing.assert_close(voice.converter.convert(mel, -1.5), want, atol=1e-2, rtol=1e-2)
    data = parse_run(through(folder, path)).data
    again = trained_converter(tmp_path / "voice", data)
    assert torch.equal(again.say.weight, voice.converter.say.weight)


def test_what_is_no_converter_is_refused(folder, run, tmp_path):
    path, _, _ = run
    data = parse_run(through(folder, path)).data
    with pytest.raises(
        ValueError, match=r"nowhere, which does not exist; it must be a voice, a run or a checkpoint"
    ):
        trained_converter(tmp_path / "nowhere", data)
    with pytest.raises(ValueError, match="a voice that has none"):
        trained_converter("wavesynth/voices/allison-small", data)
    runs.train(runs.values(folder, steps=1), tmp_path / "run")
    with pytest.raises(ValueError, match=r"a run of kind wavenet; it must be of kind converter"):
        trained_converter(tmp_path / "run", data)
    with pytest.raises(
        ValueError, match="a converter's run makes no voice; name it as the `converter` of a voice's"
    ):
        export(path, tmp_path / "voice")
    other = parse_run(through(folder, path) | {"data": values(folder)["data"] | {"mel": {"low": 50.0}}}).data
    with pytest.raises(ValueError, match=r"\[data\] mel is not the configured one"):
        trained_converter(newest(path), other)
