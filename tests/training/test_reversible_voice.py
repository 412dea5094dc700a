"""A reversible WaveNet from its configuration to its samples."""

import json

import numpy as np
import pytest
import torch

from tests.training.runs import prepared, train, values
from tests.voices_for_tests import make_voice
from wavesynth.sampling import reference
from wavesynth.sampling.backends.cpu import CpuSampler
from wavesynth.sampling.params import SamplingParams
from wavesynth.synthesizer import Synthesizer
from wavesynth.training.export import ExportOptions, export
from wavesynth.voices.voice import FormatError, load_voice, save_voice


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A voice that was trained for 30 steps."""
    path = tmp_path_factory.mktemp("reversible")
    train(values(prepared(path / "data"), steps=30, model={"reversible": True}), path / "run")
    exported = export(path / "run", path / "voice", options=ExportOptions(seconds=0.5))
    assert exported.float32 < 7  # of 8 bits
    assert abs(exported.int8 - exported.float32) < 0.015
    return path / "voice"


def test_its_samples_are_those_of_its_definition(folder):
    voice = load_voice(folder)
    assert voice.config.reversible
    window = torch.randn(1 + 2 * voice.config.mel_context, voice.mel.bands)
    conditioning, params = voice.condition(window, None)[None], SamplingParams(3)
    weights = voice.int8()
    expected, _ = reference.sample(weights, weights.start(), conditioning, params, 60)
    assert len(set(expected.tolist())) > 5
    made, _ = CpuSampler(weights).sample(weights.start(), conditioning, params, 60)
    assert np.array_equal(made, expected)


def test_it_is_served_like_any_other(folder):
    audio, made = np.sin(np.arange(800) / 20) / 3, []
    for backend in ("cpu", "reference"):
        with Synthesizer(folder, backend=backend, threads=1) as synthesizer:
            made.append(synthesizer.synthesize(audio, sample_rate=16000, seed=1))
    assert len(made[0]) == 800
    assert np.array_equal(*made)


def test_only_what_needs_the_newer_format_is_written_in_it(folder, tmp_path):
    description = json.loads((folder / "voice.json").read_text())
    assert description["format"] == 4 and description["model"]["reversible"] is True
    save_voice(tmp_path, make_voice())
    plain = json.loads((tmp_path / "voice.json").read_text())
    assert plain["format"] == 3 and "reversible" not in plain["model"]
    plain["model"]["reversible"] = True
    (tmp_path / "voice.json").write_text(json.dumps(plain))
    with pytest.raises(FormatError, match="model has reversible, which it must not have"):
        load_voice(tmp_path)
