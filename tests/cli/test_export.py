import typer
from typer.testing import CliRunner

from wavesynth.cli.export import export


def test_what_is_no_run_is_one_sentence_and_exit_code_1(tmp_path):
    app = typer.Typer()
    app.command()(export)
    result = CliRunner().invoke(app, [str(tmp_path / "nothing"), str(tmp_path / "voice")])
    assert result.exit_code == 1
    assert result.stderr == (
        f"wavesynth: {tmp_path}/nothing holds no checkpoint; it must be the folder of a training run\n"
    )
    assert not (tmp_path / "voice").exists()
