import tomllib
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from wavesynth.cli.configurations import shipped_configurations
from wavesynth.cli.init import init
from wavesynth.training.run import read_run


def run(*arguments):
    app = typer.Typer()
    app.command()(init)
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.mark.parametrize("template", [None, *shipped_configurations()])
def test_a_template_becomes_a_configuration_of_the_named_voice(tmp_path, monkeypatch, template):
    monkeypatch.chdir(tmp_path)
    result = run("bob", *(() if template is None else ("--from", template)))
    assert result.exit_code == 0, result.output
    made: Any = read_run("bob.toml")
    assert "wavesynth train bob.toml" in result.output
    for _, folder in made.data.folders:
        spoken = " --transcripts TABLE.tsv" if made.kind == "text" else ""
        assert f"wavesynth prepare RECORDINGS {folder}{spoken}\n" in result.output
    voice = getattr(made, "voice", None)  # a converter has none
    if voice is not None:
        assert (voice.name, voice.description, voice.licence) == ("bob", "", "")
    if template is None:
        assert made.data.speakers == {"bob": ("datasets/bob",)} and made.start_from == "allison-small"
        text = (tmp_path / "bob.toml").read_text()
        assert "alice" not in text and "# who speaks" in text


def test_all_but_the_name_is_as_in_the_template(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("bob", "--from", "nsh")
    template = tomllib.loads(shipped_configurations()["nsh"].read_text())
    made = tomllib.loads((tmp_path / "bob.toml").read_text())
    assert made.pop("data") == template.pop("data") | {"speakers": {"bob": ["datasets/bob"]}}
    assert made.pop("voice") == template.pop("voice") | {
        "name": "bob", "description": "", "language": "", "licence": ""
    }  # fmt: skip
    assert made == template


def test_nothing_is_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bob.toml").write_text("mine")
    result = run("bob")
    assert result.exit_code == 1
    assert result.stderr.startswith("wavesynth: bob.toml already exists, and is left as it is")
    assert (tmp_path / "bob.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["../bob"], "NAME is '../bob'; it must be of the letters"),
        (["bob", "--from", "nobody"], "it must be a TOML file, or a configuration that ships: allison"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 1 and message in result.stderr and result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
