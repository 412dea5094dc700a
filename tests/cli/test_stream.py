"""wavesynth stream: a service's audio in a file, in a pipe, and what is said when that cannot be."""

import json
import sys

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from tests.clients.servers import served
from wavesynth.cli import app
from wavesynth.clients.client import Client


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("voices")) as server:
        yield server


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "speech.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.3, 0.3, 1000), 16000)
    return path


@pytest.fixture
def run(server):
    def run(*arguments):
        return CliRunner().invoke(
            app, ["stream", *map(str, arguments), "--address", f"localhost:{server.port}"]
        )

    return run


@pytest.fixture(scope="module")
def expected(server, recording):
    with Client(f"localhost:{server.port}") as client:
        return client.synthesize(audio=soundfile.read(recording, dtype="int16")[0], seed=5).pcm


def test_a_wav_file_and_a_pipe_get_the_same_samples(run, recording, expected, tmp_path):
    out = tmp_path / "new" / "out.wav"
    result = run("--audio", recording, "--out", out, "--seed", 5)
    assert result.exit_code == 0, result.output
    samples, rate = soundfile.read(out, dtype="int16")
    assert rate == 16000
    assert samples.tobytes() == expected
    assert run("tiny", "--audio", recording, "--out", "-", "--seed", 5).stdout_bytes == expected


def test_figures_come_at_the_end_on_standard_error(run, recording, tmp_path):
    figures = json.loads(run("--audio", recording, "--out", tmp_path / "out.wav", "--json").stderr)
    assert figures["samples"] == 1000
    assert figures["time_to_first_audio_ms"] > 0 and figures["real_time_factor"] > 0
    assert set(figures["chunk_gap_ms"]) == {"p50", "p95", "p99", "max"}
    said = run("--audio", recording, "--out", tmp_path / "out.wav").stderr
    assert said.startswith("0.06 s of audio, the first after ") and "x real time" in said


def test_mel_frames_and_durations_are_taken(run, tmp_path):
    mel, out = tmp_path / "mel.npy", tmp_path / "out.wav"
    np.save(mel, np.zeros((3, 80), np.float32))
    assert run("--mel", mel, "--out", out).exit_code == 0
    assert soundfile.info(out).frames == 480
    assert run("free", "--seconds", 0.1, "--out", out).exit_code == 0
    assert soundfile.info(out).frames == 1600


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "x.wav"], "exactly one of --audio, --mel and --seconds must be given"),
        (
            ["--audio", "x", "--seconds", 1, "--out", "-"],
            "exactly one of --audio, --mel and --seconds must be given",
        ),
        (["--seconds", 1], "one of --out and --play must be given, and not both"),
        (["--seconds", 1, "--out", "-", "--play"], "one of --out and --play must be given, and not both"),
        (
            ["nobody", "--audio", "{recording}", "--out", "{out}"],
            "voice is 'nobody'; the voices are free, tiny",
        ),
        (["--audio", "{tmp}/none.wav", "--out", "{out}"], "none.wav"),
        (["--mel", "{recording}", "--out", "{out}"], "speech.wav is not a NumPy file of numbers"),
        (["free", "--seconds", 601, "--out", "{out}"], "duration_seconds is 601; it must be from"),
    ],
)
def test_what_cannot_be_streamed_is_one_sentence_and_no_file(run, arguments, sentence, recording, tmp_path):
    out = tmp_path / "out.wav"
    filled = [str(argument).format(recording=recording, out=out, tmp=tmp_path) for argument in arguments]
    result = run(*filled)
    assert result.exit_code == 1
    assert result.stderr.startswith("wavesynth: ") and sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("missing", ["sounddevice", "PortAudio"])
def test_playing_without_a_loudspeaker_says_what_to_install(run, recording, missing, monkeypatch):
    if missing == "sounddevice":
        monkeypatch.setitem(sys.modules, "sounddevice", None)
    else:
        monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
        monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
        monkeypatch.setitem(sys.modules, "_sounddevice_data", None)
    result = run("--audio", recording, "--play")
    assert result.exit_code == 1
    assert f"--play needs {missing}, which is missing" in result.stderr
