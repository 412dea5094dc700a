"""wavesynth stream: a service's audio in a file, in a pipe, and what is said when that cannot be."""

import io
import json
import os
import re
import sys
import threading

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from wavesynth.cli import app, terminal
from wavesynth.clients.client import Client


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
    out = tmp_path / "out.wav"
    said = run("--audio", recording, "--out", out).stderr
    assert re.fullmatch(
        rf"{re.escape(str(out))}: 0\.06 s, first audio after \d+ ms, \d+\.\d x real time, \d+ underruns\n",
        said,
    )
    said = run("--audio", recording, "--out", "-").stderr
    assert said.startswith("0.06 s, first audio after ")


def test_long_work_says_how_far_it_is_but_not_into_json(run, tmp_path, monkeypatch):
    monkeypatch.setattr(terminal, "SECONDS_BEFORE_A_LINE", 0)
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0)
    call = ["free", "--seconds", 1.1, "--out", tmp_path / "out.wav"]
    lines = [line for line in run(*call).stderr.splitlines() if line.startswith("seconds made: ")]
    assert lines[-2:] == ["seconds made: 1/2", "seconds made: 2/2"]
    assert json.loads(run(*call, "--json").stderr)["seconds"] == pytest.approx(1.1)


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
        (["--out", "x.wav"], "exactly one of --audio, --mel, --text and --seconds must be given"),
        (
            ["--audio", "x", "--seconds", 1, "--out", "-"],
            "exactly one of --audio, --mel, --text and --seconds must be given",
        ),
        (["--seconds", 1], "one of --out and --play must be given, and not both"),
        (["--seconds", 1, "--out", "-", "--play"], "one of --out and --play must be given, and not both"),
        (
            ["nobody", "--audio", "{recording}", "--out", "{out}"],
            "voice is 'nobody'; the voices are free, tiny",
        ),
        (["--audio", "{tmp}/none.wav", "--out", "{out}"], "none.wav"),
        (["--mel", "{recording}", "--out", "{out}"], "speech.wav is not a NumPy file of numbers"),
        (
            ["--seconds", 1, "--out", "{out}"],
            "the default voice needs a recording: give --audio FILE or --mel FILE",
        ),
        (["free", "--audio", "{recording}", "--out", "{out}"], "free needs no recording: give --seconds"),
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


def test_a_call_that_the_service_refuses_is_named_as_in_its_log(run, tmp_path):
    result = run("free", "--seconds", 601, "--out", tmp_path / "out.wav")
    assert re.search(r" \(request [0-9a-f]{16}\)\n$", result.stderr)


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


@pytest.mark.parametrize(("suffix", "container"), [(".flac", "FLAC"), (".OGG", "OGG"), (".mp3", "MP3")])
def test_a_file_is_what_its_name_says(run, recording, tmp_path, suffix, container):
    out = tmp_path / f"out{suffix}"
    assert run("--audio", recording, "--out", out).exit_code == 0
    assert soundfile.info(out).format == container


def test_a_pipe_gets_a_wav_file(run, recording, expected, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    assert run("--audio", recording, "--out", tmp_path / "pipe", "--seed", 5).exit_code == 0
    reader.join(60)
    assert soundfile.read(io.BytesIO(got[0]), dtype="int16")[0].tobytes() == expected


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("{tmp}", "is a folder; it must be a file"),
        ("{recording}/x.wav", "is below a file"),
        ("{recording}", "which is the input itself"),
        ("x.m4a", "out is x.m4a; it must end in .wav, .flac, .ogg or .mp3"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_service_is_asked(recording, tmp_path, out, sentence):
    before = recording.read_bytes()
    path = out.format(tmp=tmp_path, recording=recording)
    arguments = ["stream", "--audio", recording, "--out", path, "--address", "localhost:1"]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 1 and sentence in result.stderr
    assert recording.read_bytes() == before


def test_a_token_is_not_replaced_by_audio(run, recording, tmp_path):
    token = tmp_path / "token.wav"
    token.write_text("secret")
    result = run("--audio", recording, "--token-file", token, "--out", token)
    assert result.exit_code == 1 and "token.wav, which is the input itself" in result.stderr
    assert token.read_text() == "secret"
