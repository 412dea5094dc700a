"""wavesynth voices: those of a folder and those of a service are the same list."""

import json

import pytest
from typer.testing import CliRunner

import wavesynth
from tests.voices_for_tests import make_text_voice, tiny_voice
from tests.without import run_without
from wavesynth.cli import app
from wavesynth.voices.voice import save_voice


def listed(*options):
    result = CliRunner().invoke(app, ["voices", "--json", *options])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["voices"]


def test_a_folder_and_the_service_of_it_list_the_same(server):
    voices = listed("--folder", str(server.config.voices))
    assert voices == listed("--address", f"localhost:{server.port}")
    assert [(voice["name"], voice["default"]) for voice in voices] == [("free", False), ("tiny", True)]
    assert voices[1]["mel_bands"] == 80 and voices[1]["layers"] == 4 and voices[1]["speakers"] == []


def test_a_broken_folder_is_said_and_the_other_voices_are_listed(tmp_path):
    for name in ("bad", "whole"):
        tiny_voice(tmp_path, name)
    path = tmp_path / "bad/voice.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": "../../x"}))
    result = CliRunner().invoke(app, ["voices", "--json", "--folder", str(tmp_path)])
    assert [voice["name"] for voice in json.loads(result.stdout)["voices"]] == ["whole"]
    assert result.stderr.startswith(f"wavesynth: {path}: name is '../../x'; it must be 1 to 100")
    assert result.stderr.count("\n") == 1 and result.exit_code == 1


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_a_list_for_people_fits_the_terminal_and_says_what_each_voice_is(columns):
    result = CliRunner().invoke(app, ["voices"], env={"COLUMNS": columns})
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= int(columns)
    said = " ".join(result.stdout.split())
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == wavesynth.voices()
    assert "the default; en-US; from audio or log-mel; 16,000 Hz; 30 layers; CC-BY-SA-3.0" in said
    assert "from nothing but a duration" in said
    assert "speakers allison, june, carlo, ivr, nsh" in said


def test_the_voices_that_ship_are_listed_without_pytorch():
    program = """
from wavesynth.__main__ import main
sys.argv[1:] = ["voices", "--json"]
main()
"""
    printed = json.loads(run_without(("torch", "scipy", "matplotlib"), program))
    assert [voice["name"] for voice in printed["voices"]] == wavesynth.voices()


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


def test_a_voice_that_reads_text_says_so(tmp_path):
    save_voice(tmp_path / "reader", make_text_voice())
    result = CliRunner().invoke(app, ["voices", "--folder", str(tmp_path)], env={"COLUMNS": "200"})
    assert "from text, audio or log-mel" in result.output
