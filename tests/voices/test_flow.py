"""A flow voice is trained, exported, scored, served and streamed as any other."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.runs import ALONE, prepared
from tests.voices.memory import memory_late_in_a_recording
from wavesynth.audio.companding import preemphasis
from wavesynth.audio.files import read
from wavesynth.audio.mel import log_mel_of_array
from wavesynth.clients.client import Client
from wavesynth.engine.scoring import score
from wavesynth.models.frame_flow_config import MEL_CONTEXT
from wavesynth.synthesizer import Synthesizer
from wavesynth.training.export import export
from wavesynth.training.run import read_run, trainer
from wavesynth.training.task import Validation
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.surroundings import surrounded
from wavesynth.voices.voice import load_voice

TOML = """
kind = "flow"

[model]
past = 16
lags = 32
layers = 2
residual = 16
skip = 32
coupling_channels = 16
mel_channels = 32

[data]
speakers.a = ["{folder}"]
crop_frames = 10

[training]
batch_size = 4
steps = 30
learning_rate = 0.01
warmup_steps = 2
validate_every = 15
checkpoint_every = 30
ema_decay = 0.5
precision = "float32"
compile = false

[voice]
name = "flow"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run, its data, and its validations by their steps."""
    folder, validations = tmp_path_factory.mktemp("flow"), {}
    data = prepared(folder / "data")
    (folder / "flow.toml").write_text(TOML.format(folder=data))

    def log(report):
        if isinstance(report, Validation):
            validations[report.step] = report.bits

    trainer(read_run(folder / "flow.toml"), folder / "run", ALONE, log=log).run()
    return folder / "run", data, validations


@pytest.fixture(scope="module")
def voices(run, tmp_path_factory):
    """A folder with the exported voice."""
    folder = tmp_path_factory.mktemp("voices")
    export(run[0], folder / "flow")
    return folder


def recording(run):
    return next(iter((Path(run[1]) / "audio/validation").glob("*.flac")))


def audio(run):
    return read(recording(run))


def test_it_learns(run):
    _, _, validations = run
    assert validations[30] < validations[0] - 1


def test_what_a_recording_costs_does_not_depend_on_cuts(run, voices):
    voice, samples = load_voice(voices / "flow"), audio(run)[:5001]
    frames = -(-len(samples) // voice.hop)
    mel = np.random.default_rng(0).normal(0, 0.3, (frames, 80)).astype(np.float32)
    bits = voice.of_kind.bits
    whole = bits(voice, samples, mel, None, 0, len(samples), "float32")
    assert whole.shape == (5001,)
    assert np.isfinite(whole).all()
    for first, end in ((0, 700), (700, 3333), (3333, 5001)):
        part = bits(voice, samples, mel, None, first, end, "float32")
        assert part.tobytes() == whole[first:end].tobytes()


def test_what_a_recording_costs_is_what_training_says(run, voices):
    voice, samples = load_voice(voices / "flow"), audio(run)[:4800]
    mel = log_mel_of_array(samples, voice.mel)
    found = voice.of_kind.bits(voice, samples, mel, None, 0, 4800, "float32")
    told = torch.from_numpy(surrounded(mel, 0, 30, MEL_CONTEXT, voice.mel.silence))[None]
    heard = preemphasis(torch.from_numpy(samples), voice.preemphasis)[None]
    with torch.no_grad():
        nats = voice.of_kind.loss(voice.model, heard, told, None)
    assert np.allclose(
        found[1600:], nats[0, 1600:].numpy() / np.log(2), atol=1e-3
    )  # before is silence for a while


def test_a_stretch_takes_no_more_memory_late_in_a_recording(voices):
    assert memory_late_in_a_recording(load_voice(voices / "flow"), "float32") < 2 << 20


def test_louder_noise_costs_more_than_what_it_learned(run, voices):
    voice, samples = load_voice(voices / "flow"), audio(run)
    noisy = samples + np.random.default_rng(0).normal(0, 0.1, len(samples)).astype(np.float32)
    assert score(voice, noisy).bits_per_sample > score(voice, samples).bits_per_sample


def test_it_is_served_and_streamed_as_it_speaks_in_this_process(run, voices, serve):
    samples = audio(run)[:6000]
    with serve(voices=voices) as server, Client(f"localhost:{server.port}") as client:
        whole = client.synthesize(audio=samples, seed=3).samples
        pieces = iter(np.split(samples, [100, 4321]))
        assert np.array_equal(np.concatenate(list(client.resynthesize(pieces, seed=3))), whole)
    with Synthesizer(load_voice(voices / "flow"), threads=1) as synthesizer:
        assert np.array_equal(synthesizer.synthesize(samples, seed=3), whole)
        assert not np.array_equal(synthesizer.synthesize(samples, seed=4), whole)


def test_it_is_made_on_the_processor_beside_voices_on_a_gpu(voices):
    voice = load_voice(voices / "flow")
    assert make_sampler(voice, "triton").device == make_sampler(voice).device
