import json
from pathlib import Path

import pytest
import soundfile
import torch
import typer
from typer.testing import CliRunner, Result

from wavesynth.cli.prepare import prepare

app = typer.Typer()
app.command()(prepare)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "voice").mkdir()
    for i in range(3):
        noise = 0.1 * torch.randn(8000, generator=torch.Generator().manual_seed(i))
        soundfile.write(tmp_path / f"voice/clip{i}.wav", noise.numpy(), 16000)
    (tmp_path / "voice/broken.wav").write_text("no audio")
    return tmp_path / "voice"


def test_it_prepares_and_names_what_it_skipped(folder: Path, tmp_path: Path) -> None:
    result = run(folder, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out/dataset.json").exists()
    assert "3 recordings usable, 1 skipped" in result.stdout
    assert "broken.wav" in result.stdout and "cannot be read as audio" in result.stdout


def test_json_is_one_object_on_standard_output(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("clip0\nclip1\n")
    result = run(
        folder, tmp_path / "out", "--test-list", tmp_path / "list.txt", "--exclude", "clip2", "--json"
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["usable"] == 2
    assert figures["splits"]["test"] == {"files": 2, "seconds": 1.0}
    assert {"source": "clip2.wav", "reason": "excluded by clip2"} in figures["skipped"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none", "out"], "wavesynth: none is not a folder"),
        (["empty", "out"], "wavesynth: empty holds no recordings"),
        (["voice", "out", "--test-list", "none.txt"], "none.txt"),
        (["voice", "voice/clip0.wav"], "clip0.wav"),
    ],
)
def test_bad_input_is_one_sentence_and_a_failure(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr and len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_help_shows_an_example() -> None:
    assert "wavesynth prepare recordings/alice datasets/alice" in run("--help").output
