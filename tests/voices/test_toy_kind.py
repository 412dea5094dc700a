"""A kind of about twenty lines is trained, exported, loaded, served and streamed: all that a new kind must write."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from tests.training.runs import ALONE, prepared
from wavesynth.clients.client import Client, ServiceError
from wavesynth.kinds import register
from wavesynth.sampling.philox import uniforms
from wavesynth.synthesizer import Synthesizer
from wavesynth.training.export import export
from wavesynth.training.run import read_run, trainer
from wavesynth.training.task import Validation
from wavesynth.voices.kinds import VoiceKind
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.voice import FormatError, Needs, load_voice


@dataclass(frozen=True)
class NoiseConfig:
    mel_bands: int = 80
    hop: int = 160


class Noise(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, self.linear = config, nn.Linear(1, 1)

    def forward(self, mel):  # [..., bands] -> [...]
        return self.linear(mel.mean(-1, keepdim=True))[..., 0]


@register
class NoiseKind(VoiceKind):
    """Laplace noise as loud as the log-mel."""

    name, config, network = "noise", NoiseConfig, Noise

    def needs(self, config):
        return Needs(config.hop, config.mel_bands)

    def loss(self, network, samples, mel, speaker):
        log_scale = network(mel).repeat_interleave(network.config.hop, 1)
        return samples.abs() * torch.exp(-log_scale) + log_scale + math.log(2)

    def generate(self, network, window, speaker, params, index, n):
        centred = uniforms(params.seed, index, n) - 0.5
        scale = params.temperature * float(torch.exp(network(window[0])))
        return -scale * np.sign(centred) * np.log1p(-2 * np.abs(centred))


TOML = """
kind = "noise"

[data]
speakers.a = ["{folder}"]
crop_frames = 10
preemphasis = 0.5

[training]
batch_size = 8
steps = 100
learning_rate = 0.5
warmup_steps = 2
validate_every = 50
checkpoint_every = 50
ema_decay = 0.5
precision = "float32"
compile = false

[voice]
name = "noise"
description = "Noise as loud as what it hears"
licence = "CC0-1.0"
"""


def noise(loudness, samples=8000):
    waveform = np.random.default_rng(1).laplace(0, loudness, samples)
    return np.clip(waveform, -1, 1).astype(np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained run, and its validations by their steps."""
    folder = tmp_path_factory.mktemp("noise")
    data = prepared(folder / "data")
    for number, path in enumerate(sorted((folder / "data/audio").rglob("*.flac"))):
        loud = np.repeat(np.geomspace(0.002, 0.2, 10)[(np.arange(10) * 3 + number) % 10], 800)
        soundfile.write(path, noise(1.0) * loud, 16000)
    (folder / "noise.toml").write_text(TOML.format(folder=data))
    validations = {}

    def log(report):
        if isinstance(report, Validation):
            validations[report.step] = report.bits

    trainer(read_run(folder / "noise.toml"), folder / "run", ALONE, log=log).run()
    return folder / "run", validations


@pytest.fixture(scope="module")
def voices(run, tmp_path_factory):
    """A folder with the exported voice."""
    folder = tmp_path_factory.mktemp("voices")
    exported = export(run[0], folder / "noise")
    assert (exported.name, exported.step) == ("noise", 100)
    return folder


def test_it_learns(run):
    _, validations = run
    assert list(validations) == [0, 50, 100]
    assert validations[100] < validations[0] - 2


def test_its_voice_says_what_it_is_and_is_checked_as_all_are(voices):
    voice = load_voice(voices / "noise")
    assert (voice.kind, voice.model.config, voice.preemphasis) == ("noise", NoiseConfig(), 0.5)
    assert (voice.takes_mel, voice.mel_context, voice.layers) == (True, 0, 1)
    assert "| kind | noise |" in (voices / "noise/CARD.md").read_text()
    with pytest.raises(ValueError, match="backend is 'triton'; voices of kind noise have only cpu"):
        make_sampler(voice, "triton")


def test_a_field_of_its_network_has_its_type(voices, tmp_path):
    for path in (voices / "noise").iterdir():
        text = path.read_bytes()
        (tmp_path / path.name).write_bytes(text.replace(b'"mel_bands": 80', b'"mel_bands": "80"'))
    with pytest.raises(FormatError, match="model: mel_bands is '80'; it must be a whole number"):
        load_voice(tmp_path)


def test_it_is_served_and_streamed(voices, serve):
    loud, quiet = noise(0.1), noise(0.005)
    with serve(voices=voices) as server, Client(f"localhost:{server.port}") as client:
        whole = client.synthesize(audio=loud, seed=3)
        assert np.array_equal(np.concatenate(list(client.stream(audio=loud, seed=3))), whole.samples)
        pieces = iter(np.split(loud, [100, 4321]))
        assert np.array_equal(np.concatenate(list(client.resynthesize(pieces, seed=3))), whole.samples)
        assert len(whole.samples) == len(loud)
        other = client.synthesize(audio=quiet, seed=3)
        assert np.abs(whole.samples).mean() > 5 * np.abs(other.samples).mean()
        with pytest.raises(ServiceError, match="voice noise needs mel or audio"):
            client.synthesize(seconds=1.0)


def test_it_speaks_in_this_process_as_from_a_server(voices, serve):
    audio = noise(0.05, 3000)
    with serve(voices=voices) as server, Client(f"localhost:{server.port}") as client:
        whole = client.synthesize(audio=audio, seed=5).samples
    with Synthesizer(load_voice(voices / "noise"), threads=1) as synthesizer:
        assert np.array_equal(synthesizer.synthesize(audio, seed=5), whole)
        pieces = iter(np.split(audio, [700]))
        assert np.array_equal(np.concatenate(list(synthesizer.stream(pieces, seed=5))), whole)
