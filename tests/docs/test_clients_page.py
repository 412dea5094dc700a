"""The examples of the page about clients give what it says: all samples, the bytes of the seed, buf's answers."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.docs.pages import ROOT, examples
from wavesynth.clients import Client

PAGE = ROOT / "docs" / "guide" / "clients.md"
BUF = shutil.which("buf", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def of(language, text):
    return [e for e in examples(PAGE) if e.language == language and text in e.code]


@pytest.mark.parametrize("example", of("python", "print(len(samples))"), ids=str)
def test_an_example_that_prints_lengths_gets_every_sample(example, folder, here, capsys):
    if "wavesynth.clients.notebook" in example.code:
        pytest.importorskip("IPython", reason="needs Jupyter: pip install nbclient ipykernel")
    exec(compile(here(example.code), str(example), "exec"), {"__name__": "example"})
    assert sum(int(line) for line in capsys.readouterr().out.split("\n") if line.isdigit()) == 1000


def test_the_whole_at_once_is_written_and_no_error_is_printed(folder, here, capsys):
    (example,) = of("python", "again.wav")
    exec(compile(here(example.code), str(example), "exec"), {"__name__": "example"})
    assert capsys.readouterr().out == ""
    assert soundfile.info("again.wav").frames == 1000


def test_a_token_and_a_root_certificate_open_a_server(folder, here, capsys):
    (example,) = of("python", "composite_channel_credentials")
    exec(compile(here(example.code), str(example), "exec"), {"__name__": "example"})
    assert capsys.readouterr().out == "tiny\n"


def test_the_recording_that_the_examples_send_can_be_made(shell, folder):
    (example,) = of("sh", "held_out")
    (folder / "speech.wav").unlink()
    (folder / "speech.pcm").unlink()
    shell(example.code)
    samples, rate = soundfile.read(folder / "speech.wav", dtype="int16")
    assert rate == 16000 and len(samples) > 16000
    assert (folder / "speech.pcm").read_bytes() == samples.tobytes()


@pytest.mark.skipif(BUF is None, reason="needs buf: pip install buf-bin")
def test_buf_answers_what_the_service_would(shell, folder, server):
    methods, voices, health, stream, whole = (example.code for example in of("sh", "buf curl"))
    assert "wavesynth.v1.SynthesisService/StreamSynthesize" in shell(methods).split()
    assert [voice["name"] for voice in json.loads(shell(voices))["voices"]] == ["free", "tiny"]
    assert json.loads(shell(health)) == {"status": "SERVING"}
    shell(stream)
    recording = soundfile.read(folder / "speech.wav", dtype="int16")[0]
    with Client(f"localhost:{server.port}") as client:
        expected = client.synthesize(audio=recording, sample_rate=16000, seed=1).pcm
    assert (folder / "again.pcm").read_bytes() == expected
    shell(whole)
    assert soundfile.info(folder / "again.wav").frames == 960


def test_the_notebook_plays_audio_as_it_comes(folder, here):
    nbformat = pytest.importorskip("nbformat", reason="needs Jupyter: pip install nbclient ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="needs Jupyter: pip install nbclient ipykernel")
    clip, rate = soundfile.read(folder / "speech.wav", dtype="int16")
    soundfile.write(folder / "speech.wav", np.tile(clip, 20), rate)
    notebook = nbformat.read(ROOT / "docs" / "guide" / "stream.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = here(cell.source)
    nbclient.NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    played = [output for output in outputs if "application/javascript" in output.get("data", {})]
    assert len(played) >= 2  # at most half a second waits for a reader
    assert "20000 samples" in "".join(output.get("text", "") for output in outputs)
