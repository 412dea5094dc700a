"""wavesynth demo, and what a newcomer types after it."""

import shlex
import shutil
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from wavesynth.audio.files import read, write_wav
from wavesynth.cli import app, local_server
from wavesynth.cli.demo import print_figures

GAPS = {"p50": 1.0, "p99": 2.0, "max": 3.0}
FIGURES = {"time_to_first_audio_ms": 1.0, "real_time_factor": 2.0, "chunk_gap_ms": GAPS, "underruns": 0}
FIGURES |= {"seconds": 1.0, "player_buffer_ms": 40.0, "out": "demo"}


def test_an_unknown_voice_is_refused_before_the_server_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(local_server, "local_server", None)
    result = CliRunner().invoke(app, ["demo", "--voice", "nobody", "--out", str(tmp_path / "demo")])
    assert result.exit_code == 1
    assert result.stderr.startswith("wavesynth: --voice is 'nobody'; the voices are allison, ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("on_path", [True, False])
def test_the_last_line_says_how_wavesynth_comes_onto_the_path_unless_it_is_there(
    on_path, tmp_path, monkeypatch, capsys
):
    activate = tmp_path / "a venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "a venv"))
    monkeypatch.setattr(shutil, "which", lambda name, path=None: "/bin/wavesynth" if on_path else None)
    print_figures(FIGURES)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f". {shlex.quote(str(activate))} puts wavesynth on") != on_path


@pytest.mark.parametrize("reads", [True, False])
def test_a_text_is_read_too_if_a_voice_takes_one(reads, serve, a_reader, two_voices, tmp_path, monkeypatch):
    (tmp_path / "text.wav").touch()  # of another run
    write_wav(tmp_path / "said.wav", np.zeros(4000, np.float32))
    with serve(voices=a_reader if reads else two_voices) as server:
        started = SimpleNamespace(address=f"localhost:{server.port}")
        monkeypatch.setattr(local_server, "local_server", lambda *options: nullcontext(started))
        words = ["demo", "--audio", str(tmp_path / "said.wav"), "--out", str(tmp_path)]
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "text.wav").exists() == reads == ("text.wav" in result.stdout)
    assert not reads or len(read(tmp_path / "text.wav")) > 16000
