import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.training.runs import prepared, toml, values
from wavesynth.cli.export import export
from wavesynth.cli.train import train
from wavesynth.extras import install_command
from wavesynth.training import examples
from wavesynth.training.checkpoint import Checkpoint, newest
from wavesynth.training.task import Stopped
from wavesynth.training.trainer import Trainer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("data"))


def run(command, *arguments):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_a_run_is_trained_and_its_curves_are_written(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(train, toml(tmp_path / "small.toml", values(folder, validate_every=3)))
    assert result.exit_code == 0, result.output
    assert Checkpoint.load(newest(tmp_path / "runs" / "small")).step == 6
    assert list((tmp_path / "runs" / "small").glob("events.out.tfevents.*"))
    for part in (
        "step 0: validation 8.",
        "step 3: validation ",
        "step 6/6  ",
        " bits/sample  ",
        " samples/s  ",
    ):
        assert part in result.output
    assert "learning rate" in result.output and " left" in result.output

    result = run(export, "runs/small", "voice", "--json", "--seconds", "0.1")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["name"] == "test" and figures["step"] == 6
    assert figures["int8"] == pytest.approx(figures["float32"], abs=0.1)


def test_minutes_make_a_whole_run_and_the_next_commands_are_named(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Trainer, "seconds_per_step", lambda self: 0.5)
    configuration = toml(tmp_path / "alice.toml", values(folder, steps=10_000))
    result = run(train, configuration, "--minutes", 0.05)
    assert result.exit_code == 0, result.output
    assert (
        "Timing a few steps\n6 steps of 0.5 s each: about 0:00:03 (h:mm:ss), and the validations\n"
        in result.output
    )
    assert "step 6: validation " in result.output
    commands = [line.strip() for line in result.stdout.splitlines() if line.startswith("  wavesynth ")]
    assert commands[0] == "wavesynth export runs/alice voices/alice --best"
    assert run(export, *commands[0].split()[2:], "--seconds", "0.1").exit_code == 0


def test_a_long_run_says_how_long_it_is_and_what_to_do(folder, tmp_path, monkeypatch):
    def stop(self):
        raise Stopped(signal.SIGINT, 0)

    monkeypatch.setattr(Trainer, "seconds_per_step", lambda self: 7.5)
    monkeypatch.setattr(Trainer, "run", stop)
    configuration = toml(tmp_path / "alice.toml", values(folder, steps=20_000))
    result = run(train, configuration, "--out", tmp_path / "run")
    assert result.exit_code == 130
    assert "20,000 steps of 7.5 s each: about 1 day, 17:40:00" in result.output
    assert "--minutes 30 would make a whole run" in result.output


def test_after_ctrl_c_nothing_is_sampled_any_more(folder, tmp_path, monkeypatch):
    sampled = []

    def validate(self, stop):
        if self.step:
            os.kill(os.getpid(), signal.SIGINT)
        return 3.0

    monkeypatch.setattr(Trainer, "validate", validate)
    monkeypatch.setattr(examples, "copy_of_a_clip", lambda task, *of: sampled.append(1) or examples.Example())
    result = run(train, toml(tmp_path / "small.toml", values(folder, steps=1)), "--out", tmp_path / "run")
    assert "step 1: validation" in result.output and len(sampled) == 1


def test_without_tensorboard_it_says_so_and_trains(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    result = run(train, toml(tmp_path / "small.toml", values(folder, steps=1)), "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert f"TensorBoard is not installed, so no curves are written; {install_command('train')}" in " ".join(
        result.output.split()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training": {"step": 3}}, "[training] step is not a key; it must be one of batch_size, "),
        ({"data": {"speakers": {"a": ["nowhere"]}}}, "nowhere is not a prepared folder"),
        ({"model": {"residual": 20}}, "[model] residual is 20; it must be a multiple of 16"),
    ],
)
def test_a_wrong_configuration_is_one_sentence_and_exit_code_1(folder, tmp_path, change, message):
    configuration = values(folder)
    for section, keys in change.items():
        configuration[section] |= keys
    result = run(train, toml(tmp_path / "small.toml", configuration), "--out", tmp_path / "run")
    assert result.exit_code == 1
    assert message in result.stderr and result.stderr.count("\n") == 1
    assert result.stderr.startswith("wavesynth: ")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_is_one_sentence_and_exit_code_1(folder, tmp_path):
    configuration = values(folder, learning_rate=1.0, warmup_steps=0, weight_decay=1e30, steps=30)
    result = run(train, toml(tmp_path / "small.toml", configuration), "--out", tmp_path / "run")
    assert result.exit_code == 1
    assert "both must be finite" in result.stderr and result.stderr.count("\n") == 1


def test_sigterm_saves_the_run_and_exits_with_143(folder, tmp_path):
    configuration = toml(tmp_path / "small.toml", values(folder, steps=1_000_000))
    process = subprocess.Popen(
        [sys.executable, "-m", "wavesynth", "train", configuration, "--out", tmp_path / "run"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},  # which lacks letters of what is shown
    )  # fmt: skip
    assert process.stdout and any(line.startswith("step 0: validation") for line in process.stdout)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 143
    step = Checkpoint.load(newest(tmp_path / "run")).step
    assert error.splitlines()[-1] == (
        f"wavesynth: stopped by SIGTERM at step {step}, which is saved; --resume goes on from there"
    )


def test_a_converter_is_validated_by_its_first_speaker_and_only_of_that_one_are_such_copies_made(tmp_path):
    pytest.importorskip("pkg_resources", reason="needs setuptools<80: pip install '.[evaluate]'")
    pytest.importorskip("pyworld", reason="needs pyworld: pip install '.[evaluate]'")
    folders = [prepared(tmp_path / name, seed) for seed, name in enumerate("ab")]
    configuration = {
        "converter": {"channels": 16, "layers": 1},
        "data": {"speakers": {"a": folders[:1], "b": folders[1:]}, "perturb": 1, "crop_frames": 20},
        "training": {
            "batch_size": 2, "steps": 1, "warmup_steps": 1, "precision": "float32", "compile": False,
        },
    }  # fmt: skip
    result = run(train, toml(tmp_path / "c.toml", configuration), "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    made = [sorted(p.name for p in (Path(folder) / "disturbed").iterdir()) for folder in folders]
    assert made == [["train", "validation"], ["train"]]
