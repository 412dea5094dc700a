from typer.testing import CliRunner

from wavesynth.cli import app


def test_a_folder_that_cannot_be_recorded_to_is_said_before_anything_is_reached(tmp_path):
    (tmp_path / "voice.wav").mkdir()
    nobody = ["--address", "localhost:1"]
    result = CliRunner().invoke(app, ["live", *nobody, "--record", str(tmp_path)])
    assert result.exit_code == 1 and "voice.wav is a folder; it must be a file" in result.stderr
