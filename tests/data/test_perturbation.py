"""A perturbed copy has the words' times and another's voice; it is always the same one, and made once."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

pytest.importorskip("pkg_resources", reason="needs setuptools<80: pip install '.[evaluate]'")
pytest.importorskip("pyworld", reason="needs pyworld: pip install '.[evaluate]'")

from wavesynth.audio import world
from wavesynth.audio.files import write_flac
from wavesynth.audio.mel import log_mel
from wavesynth.data import perturbation
from wavesynth.data.perturbation import Perturbation, copies, perturb

RATE, F0, FORMANT = 16000, 160.0, 1200.0
FLAT = (0.0,) * 7


def voice(seconds: float = 1.5) -> np.ndarray:
    """Pulses through one resonance at FORMANT, silent in the middle third."""
    samples = np.zeros(round(seconds * RATE))
    samples[:: round(RATE / F0)] = 1
    pole = 0.97 * np.exp(2j * np.pi * FORMANT / RATE)
    made = lfilter([1], [1, -2 * pole.real, abs(pole) ** 2], samples)
    third = len(made) // 3
    made[third : 2 * third] = 0
    return (0.3 * made / np.abs(made).max()).astype(np.float32)


def peak(samples: np.ndarray) -> float:
    """Hertz of the largest value of the long-term envelope."""
    envelope = world.analyse(samples.astype(np.float32)).envelope
    loud = envelope[envelope.sum(1) > 0.1 * envelope.sum(1).max()]
    return float(np.log(loud).mean(0).argmax()) / (envelope.shape[1] - 1) * RATE / 2


@pytest.mark.parametrize(("f0", "formants"), [(90.0, 0.8), (90.0, 1.25), (300.0, 0.8), (160.0, 1.0)])
def test_pitch_and_formants_are_moved_each_by_itself(f0, formants):
    samples = voice()
    made = world.synthesise(
        perturb(world.analyse(samples), Perturbation(f0, formants, FLAT), RATE), len(samples)
    )
    heard = world.f0(made.astype(np.float32))
    assert np.median(heard[heard > 0]) == pytest.approx(f0, rel=0.03)
    assert peak(made) == pytest.approx(formants * peak(samples), rel=0.08)


def test_the_spectrum_is_shaped_in_decibels_at_its_knots():
    speech = world.analyse(voice())
    shape = (8.0, 8.0, 8.0, 0.0, -4.0, -8.0, -8.0)
    gain = 10 * np.log10(perturb(speech, Perturbation(F0, 1.0, shape), RATE).envelope / speech.envelope)
    bins = np.array([250, 1000, 2000, 4000]) * (gain.shape[1] - 1) // 8000
    assert gain[:, bins] == pytest.approx(np.tile([8.0, 0.0, -4.0, -8.0], (len(gain), 1)), abs=0.01)


def recorded(folder: Path) -> torch.Tensor:
    path = folder / "audio/train/a.flac"
    write_flac(path, voice(), RATE)
    os.utime(path, (0, 0))
    return torch.from_numpy(voice())


def test_copies_are_in_time_with_the_recording_and_unlike_each_other(tmp_path):
    waveform = recorded(tmp_path)
    made = copies(tmp_path, "train/a", waveform, RATE, 3)
    third = len(waveform) // 3
    for copy in made:
        assert copy.shape == waveform.shape
        before, between, after = (
            copy[i * third + 800 : (i + 1) * third - 800].square().mean() for i in range(3)
        )
        assert between < 1e-3 * min(before, after)
    mels = [log_mel(copy) for copy in made]
    assert min((a - b).abs().mean() for a, b in ((mels[0], mels[1]), (mels[1], mels[2]))) > 0.05


def test_copies_are_the_same_wherever_they_are_made_and_made_once(tmp_path, monkeypatch):
    waveform = recorded(tmp_path / "here")
    made = copies(tmp_path / "here", "train/a", waveform, RATE, 2)
    recorded(tmp_path / "there")
    [_, other] = copies(tmp_path / "there", "train/a", waveform, RATE, 2)
    assert torch.equal(other, made[1])
    monkeypatch.setattr(perturbation, "analyse", None)  # whoever makes one now fails
    assert torch.equal(copies(tmp_path / "here", "train/a", waveform, RATE, 2)[0], made[0])


def test_a_recording_that_was_prepared_anew_has_new_copies(tmp_path):
    waveform = recorded(tmp_path)
    [old] = copies(tmp_path, "train/a", waveform, RATE, 1)
    changed = waveform.flip(0)
    write_flac(tmp_path / "audio/train/a.flac", changed, RATE)
    os.utime(tmp_path / "audio/train/a.flac")
    [new] = copies(tmp_path, "train/a", changed, RATE, 1)
    assert not torch.equal(old, new)


def test_silence_has_copies_too(tmp_path):
    write_flac(tmp_path / "audio/train/a.flac", torch.zeros(8000), RATE)
    [copy] = copies(tmp_path, "train/a", torch.zeros(8000), RATE, 1)
    assert copy.abs().max() < 1e-3
