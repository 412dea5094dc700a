"""wavesynth voices: those of a folder and those of a service are the same list."""

import json

import pytest
from typer.testing import CliRunner

from wavesynth.cli import app


def listed(*options):
    result = CliRunner().invoke(app, ["voices", "--json", *options])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["voices"]


def test_a_folder_and_the_service_of_it_list_the_same(server):
    voices = listed("--folder", str(server.config.voices))
    assert voices == listed("--address", f"localhost:{server.port}")
    assert [(voice["name"], voice["default"]) for voice in voices] == [("free", False), ("tiny", True)]
    assert voices[1]["mel_bands"] == 80 and voices[1]["layers"] == 4 and voices[1]["speakers"] == []


def test_without_options_it_is_a_table_of_the_voices_that_ship():
    result = CliRunner().invoke(app, ["voices"])
    assert result.exit_code == 0
    assert "allison" in result.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--address", "localhost:1"],
            "wavesynth: nothing answers at localhost:1; is `wavesynth serve` running there?\n",
        ),
        (["--folder", "{tmp}"], "wavesynth: {tmp} holds no voices"),
        (["--folder", "{tmp}", "--address", "x:1"], "wavesynth: --address and --folder are both given"),
    ],
)
def test_what_cannot_be_listed_is_one_sentence(options, sentence, tmp_path):
    result = CliRunner().invoke(app, ["voices", *(option.format(tmp=tmp_path) for option in options)])
    assert result.exit_code == 1
    assert result.stderr.startswith(sentence.format(tmp=tmp_path))
    assert result.stderr.count("\n") == 1
