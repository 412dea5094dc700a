"""wavesynth say: text to audio, here or by a service, with the same bytes; and what cannot be said is a sentence."""

import json
import shutil
import sys

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from tests.without import EXTRAS, run_without
from wavesynth.cli import app
from wavesynth.synthesizer import Synthesizer

TEXT = "Hello there, how are you? This is the second sentence."


@pytest.fixture
def reader(a_reader):
    return a_reader / "reader"


@pytest.fixture(scope="module")
def expected(a_reader):
    """TEXT as the library says it, int16."""
    with Synthesizer(a_reader / "reader", threads=1) as synthesizer:
        return (synthesizer.synthesize(text=TEXT, seed=2) * 32768).astype(np.int16)


def say(*arguments, **options):
    return CliRunner().invoke(app, ["say", *map(str, arguments)], **options)


def test_text_becomes_a_file_and_figures(reader, expected, tmp_path):
    out = tmp_path / "out.wav"
    result = say(TEXT, "--voice", reader, "--seed", 2, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert np.array_equal(soundfile.read(out, dtype="int16")[0], expected)
    assert result.stderr.startswith(f"{out}: {len(expected) / 16000:.2f} s, first audio after ")


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_standard_input_and_a_pipe_will_do(reader, expected, arguments):
    result = say(*arguments, "--voice", reader, "--seed", 2, "--out", "-", input=TEXT)
    assert result.stdout_bytes == expected.tobytes()


def test_a_file_is_read_aloud(reader, expected, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    result = say("--file", tmp_path / "text.txt", "--voice", reader, "--seed", 2, "--out", "-", "--json")
    assert result.stdout_bytes == expected.tobytes()
    assert json.loads(result.stderr)["seconds"] == pytest.approx(len(expected) / 16000)


def test_a_service_says_the_same_bytes(serve, a_reader, expected):
    with serve(voices=a_reader) as server:
        address = f"127.0.0.1:{server.port}"
        assert say(TEXT, "--seed", 2, "--out", "-", "--address", address).stdout_bytes == expected.tobytes()
        result = CliRunner().invoke(
            app, ["stream", "--text", TEXT, "--seed", "2", "--out", "-", "--address", address]
        )
        assert result.stdout_bytes == expected.tobytes()
        typed = ["stream", "--text", "-", "--seed", "2", "--out", "-", "--address", address]
        assert CliRunner().invoke(app, typed, input=TEXT).stdout_bytes == expected.tobytes()
        refused = say(TEXT, "--voice", "tiny", "--out", "-", "--address", address)
        assert "voice tiny takes no text; those that do are reader (en)" in refused.stderr


def test_how_it_is_said_can_be_chosen(reader):
    slow, fast = (
        len(say(TEXT, "--voice", reader, "--rate", rate, "--out", "-").stdout_bytes) for rate in (0.5, 2)
    )
    assert slow > 2 * fast
    marked = "<speak>Hello <break time='1s'/> there.</speak>"
    said = say(marked, "--ssml", "--voice", reader, "--out", "-").stdout_bytes
    assert len(said) > 2 * 16000


@pytest.mark.parametrize(
    ("arguments", "input", "sentence"),
    [
        (["?!"], None, "text has nothing that can be said"),
        ([""], None, "text is ''; it must be at least one word"),
        ([], b"\xff\xfe", "standard input is not UTF-8"),
        ([TEXT, "--rate", 9], None, "rate is 9.0; it must be a number from 0.25 to 4"),
        ([TEXT, "--file", "x.txt"], None, "--file is given, and a text too"),
        (["<speak>Hello", "--ssml"], None, "wavesynth: "),
        ([TEXT, "--voice", "babble"], None, "voice babble takes no text; those that do are"),
    ],
)
def test_what_cannot_be_said_is_one_sentence_and_no_file(reader, tmp_path, arguments, input, sentence):
    out = tmp_path / "out.wav"
    result = say("--voice", reader, *arguments, "--out", out, input=input)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_without_a_loudspeaker_it_says_what_to_do(reader, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = say(TEXT, "--voice", reader)
    assert result.exit_code == 1
    assert "playing needs sounddevice" in result.stderr
    assert result.stderr.endswith("; or give --out FILE\n")


def test_the_least_installation_speaks(reader, tmp_path):
    program = f"""
import sys
from wavesynth.__main__ import main
sys.argv = ["wavesynth", "say", "Hello there.", "--voice", {str(reader)!r}, "--out", {str(tmp_path / "out.wav")!r}]
sys.stderr = open({str(tmp_path / "err")!r}, "w")
main()
"""
    run_without(EXTRAS, program)
    assert soundfile.info(tmp_path / "out.wav").frames > 8000


@pytest.mark.filterwarnings("default::UserWarning")
def test_a_folder_here_named_like_a_voice_that_ships_is_said_once_and_is_meant_by_a_path(
    reader, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(reader, "allison-reads")
    shutil.copytree(reader, "reader")
    arguments = ("--seed", 2, "--out", "-")
    result = say(TEXT, "--voice", "allison-reads", *arguments)
    sentence = "wavesynth: allison-reads is the voice that ships; the folder here is ./allison-reads"
    assert result.exit_code == 0 and result.stderr.splitlines().count(sentence) == 1
    assert result.stdout_bytes != expected.tobytes()
    for voice in ("./allison-reads", "reader"):
        result = say(TEXT, "--voice", voice, *arguments)
        assert result.stdout_bytes == expected.tobytes() and "that ships" not in result.stderr
