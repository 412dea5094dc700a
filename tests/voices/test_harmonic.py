"""A harmonic voice is trained, exported, served and streamed as any other, and follows a speaker's pitch."""

import numpy as np
import pytest
import soundfile

pytest.importorskip("pyworld", reason="needs pyworld: pip install '.[evaluate]'")

from tests.training.runs import ALONE, prepared
from wavesynth.audio import world
from wavesynth.clients.client import Client
from wavesynth.models.harmonic_config import HarmonicConfig
from wavesynth.synthesizer import Synthesizer
from wavesynth.training.export import export
from wavesynth.training.run import read_run, trainer
from wavesynth.training.task import Validation
from wavesynth.voices.harmonic import excitation
from wavesynth.voices.voice import load_voice

TOML = """
kind = "harmonic"

[model]
channels = 64

[data]
speakers.a = ["{folder}"]
preemphasis = 0.0
crop_frames = 60

[training]
batch_size = 2
steps = 60
learning_rate = 0.006
warmup_steps = 2
validate_every = 60
checkpoint_every = 60
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
    assert validations[60] < 0.8 * validations[0]
    assert "bits/frame" in (voices / "harmonic/CARD.md").read_text()


def test_it_sings_what_it_hears(voices):
    heard = []
    with Synthesizer(load_voice(voices / "harmonic"), threads=1) as synthesizer:
        for hertz in (130, 240):
            copy = synthesizer.synthesize(sung(hertz, hertz, 1.0), correction=False)
            heard.append(np.median(world.f0(copy)[80:120]) / hertz)
    assert np.allclose(heard, 1, atol=0.2)  # it has learned for seconds


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
    config = HarmonicConfig(noises=4)
    true = excitation(sung(220, 220, 1.0), config)
    middle = slice(35, 65)
    assert bool((true.voiced[middle] == 1).all())
    assert np.allclose(true.pitch[middle], 24 * np.log2(220 / 55), atol=0.1)
    assert float(true.noise[middle, :3].mean()) < 0.2
    hiss = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    assert (
        float((excitation(hiss, config).voiced * (1 - excitation(hiss, config).noise.mean(-1))).mean()) < 0.2
    )
