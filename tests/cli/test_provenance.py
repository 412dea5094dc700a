"""wavesynth provenance: a voice that was made before `wavesynth export` wrote it down learns what it has heard."""

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from wavesynth.cli import app
from wavesynth.data.prepare import prepare
from wavesynth.data.provenance import Provenance


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "recordings").mkdir()
    for number in range(4):
        soundfile.write(tmp_path / f"recordings/{number}.wav", random.normal(0, 0.1, 32000), 16000)
    prepare(tmp_path / "recordings", tmp_path / "prepared")
    return tmp_path / "prepared"


@pytest.mark.parametrize("options", [[], ["--incomplete"]])
def test_what_a_voice_has_heard_is_written_to_its_folder(options, folder, tmp_path):
    (tmp_path / "voice.json").touch()
    result = CliRunner().invoke(app, ["provenance", str(tmp_path), str(folder), *options])
    assert result.exit_code == 0, result.output
    found = Provenance.load(tmp_path)
    assert found is not None and len(found.frames) >= 3 and found.complete == (not options)


def test_another_folder_is_no_voice(folder, tmp_path):
    result = CliRunner().invoke(app, ["provenance", str(tmp_path), str(folder)])
    assert result.exit_code == 1
    assert result.stderr.startswith("wavesynth: VOICE is ") and result.stderr.endswith(
        "must be a voice's folder\n"
    )
