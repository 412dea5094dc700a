"""A harmonic voice is trained, exported, served and streamed as any other, and follows a speaker's pitch."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

pytest.importorskip("pyworld", reason="needs pyworld: pip install '.[evaluate]'")

from tests.training.runs import ALONE, prepared
from wavesynth.audio import world
from wavesynth.audio.mel import MelConfig
from wavesynth.clients.client import Client
from wavesynth.data.features import untracked
from wavesynth.models.harmonic_config import HarmonicConfig
from wavesynth.synthesizer import Synthesizer
from wavesynth.training import excitations
from wavesynth.training.excitations import Excitations, hear
from wavesynth.training.export import export
from wavesynth.training.run import read_run, trainer
from wavesynth.training.task import Validation
from wavesynth.voices.voice import load_voice

TOML = """
kind = "harmonic"

[model]
channels = 64

[data]
speakers.a = ["{folder}"]
preemphasis = 0.0

[training]
batch_size = 64
steps = 300
learning_rate = 0.004
warmup_steps = 2
validate_every = 300
checkpoint_every = 300
ema_decay = 0.5
precision = "float32"
compile = false

[voice]
name = "harmonic"
correction = 4
"""


def sung(first, last, seconds=1.2):
    """A vowel that goes from one pitch to another, hertz, between two pauses that breathe."""
    t = np.arange(round(16000 * seconds)) / 16000
    turns = np.cumsum(first * (last / first) ** (t / seconds)) / 16000
    made = sum(np.cos(2 * np.pi * k * turns) / k for k in range(1, int(7000 / max(first, last))))
    made = 0.1 * made * ((t > 0.2) & (t < seconds - 0.2))
    return (made + np.random.default_rng(0).normal(0, 0.002, len(t))).astype(np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run, and its validations by their steps."""
    folder, validations = tmp_path_factory.mktemp("harmonic"), {}
    data = prepared(folder / "data", samples=19_200)
    for number, path in enumerate(sorted((folder / "data/audio").rglob("*.flac"))):
        soundfile.write(path, sung(*[(90, 350), (350, 90), (120, 260), (250, 110)][number]), 16000)
    (folder / "harmonic.toml").write_text(TOML.format(folder=data))

    def log(report):
        if isinstance(report, Validation):
            validations[report.step] = report.bits

    trainer(read_run(folder / "harmonic.toml"), folder / "run", ALONE, log=log).run()
    return folder / "run", validations


@pytest.fixture(scope="module")
def voices(run, tmp_path_factory):
    """A folder with the exported voice."""
    folder = tmp_path_factory.mktemp("voices")
    export(run[0], folder / "harmonic")
    return folder


def test_it_learns(run, voices):
    _, validations = run
    assert validations[300] < 0.5 * validations[0]
    assert "bits/frame" in (voices / "harmonic/CARD.md").read_text()


def test_it_sings_what_it_hears(voices):
    heard = []
    with Synthesizer(load_voice(voices / "harmonic"), threads=1) as synthesizer:
        for hertz in (130, 240):
            copy = synthesizer.synthesize(sung(hertz, hertz, 1.0), correction=False)
            heard.append(np.median(world.f0(copy)[80:120]) / hertz)
    assert np.allclose(heard, 1, atol=0.1)


def test_it_is_served_and_streamed_as_it_speaks_in_this_process(voices, serve):
    audio = sung(150, 200)
    with serve(voices=voices) as server, Client(f"localhost:{server.port}") as client:
        whole = client.synthesize(audio=audio, seed=3).samples
        pieces = iter(np.split(audio, [100, 4321]))
        assert np.array_equal(np.concatenate(list(client.resynthesize(pieces, seed=3))), whole)
    with Synthesizer(load_voice(voices / "harmonic"), threads=1) as synthesizer:
        assert np.array_equal(synthesizer.synthesize(audio, seed=3), whole)
        assert not np.array_equal(synthesizer.synthesize(audio, seed=4), whole)
        with pytest.raises(ValueError, match="voice harmonic is of kind harmonic, which has no likelihood"):
            synthesizer.score(audio)


def test_what_is_learned_is_pitch_and_noise():
    heard = hear(torch.from_numpy(sung(220, 220, 1.0)), MelConfig(), 4)
    assert heard.mel.shape == (100, 80)
    assert np.allclose(heard.hertz[35:65], 220, rtol=0.005)
    assert heard.noise[35:65, :3].mean() < 0.2
    hiss = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32))
    heard = hear(hiss, MelConfig(), 4)
    assert ((heard.hertz > 0) * (1 - heard.noise.mean(1))).mean() < 0.2


def test_what_is_learned_is_altered_as_its_seed_says():
    waveform = torch.from_numpy(sung(220, 220, 1.0))
    plain, altered, again = (hear(waveform, MelConfig(), 4, share, 3) for share in (0.0, 1.0, 1.0))
    assert np.array_equal(altered.mel, again.mel) and np.array_equal(altered.hertz, again.hertz)
    assert plain.mel.shape != altered.mel.shape or not np.allclose(plain.mel, altered.mel)


def test_recordings_are_heard_once(run, tmp_path, monkeypatch):
    configuration = read_run(run[0].parent / "harmonic.toml")
    folder = configuration.data.speakers["a"][0]
    kept = sorted(Path(folder, "excitation").iterdir())
    assert len(kept) == 2
    monkeypatch.setattr(excitations, "hear", None)
    frames = Excitations(configuration.data, "validation", HarmonicConfig(channels=64), untracked)
    assert len(frames) == 120
    copy = shutil.copytree(folder, tmp_path / "copy")
    for path in Path(copy, "excitation").iterdir():
        path.write_bytes(b"no archive")
    data = replace(configuration.data, speakers={"a": (str(copy),)})
    with pytest.raises(ValueError, match=r"excitation/validation-.*npz is damaged .*; delete it"):
        Excitations(data, "validation", HarmonicConfig(channels=64), untracked)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("preemphasis = 0.85", r"\[data\] preemphasis is 0.85; it must be 0 for a harmonic voice"),
        ("perturb = 2", r"\[data\] perturb is 2; it must be 0 for a harmonic voice"),
        (
            "mel.sample_rate = 22050",
            r"\[data\] mel sample_rate is 22050; it must be 16000 for a harmonic voice",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_named(tmp_path, line, message):
    text = TOML.format(folder=tmp_path).replace("preemphasis = 0.0", line)
    if "perturb" in line:
        text = text.replace(line, line + "\npreemphasis = 0.0")
    elif "rate" in line:
        text = text.replace(line, "preemphasis = 0.0\n" + line)
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_run(tmp_path / "run.toml")
