"""The projection's kernel against its reference."""

import numpy as np
import pytest
import torch

from wavesynth.audio import correction
from wavesynth.audio.mel import MelConfig
from wavesynth.kernels.cpu import SpectralProjector, instruction_sets

ANALYSES = {
    "shipped": MelConfig(),
    "longest window, few bands": MelConfig(window=1024, hop=256, bands=40),
    "shortest window, many bands": MelConfig(window=320, hop=150, bands=128),
    "part of the spectrum": MelConfig(low=300, high=3400, bands=20, floor=1e-8),
}


def arguments(config, frames, count=3):
    """Samples, target log-mels and active frames: all but the first of the last stream."""
    generator = torch.Generator().manual_seed(frames)
    length = (frames - 1) * config.hop + config.window
    samples = 0.2 * torch.randn(count, length, generator=generator) * torch.linspace(0, 1, length)
    target_mel = 1.5 * torch.rand(count, frames, config.bands, generator=generator) - 0.5
    active = torch.ones(count, frames)
    active[-1, 0] = 0
    return samples, target_mel, active


@pytest.fixture(params=instruction_sets())
def instruction_set(request, monkeypatch):
    """Sets every kernel to one instruction set."""
    monkeypatch.setenv("WAVESYNTH_INSTRUCTION_SET", request.param)
    correction.projector.cache_clear()
    yield request.param
    correction.projector.cache_clear()


@pytest.mark.parametrize("config", ANALYSES.values(), ids=ANALYSES)
@pytest.mark.parametrize("frames", [1, 2, 5, 16])
def test_the_kernel_computes_what_the_reference_computes(config, frames, instruction_set):
    samples, target_mel, active = arguments(config, frames)
    assert correction.projector(config) is not None
    made = correction.project(samples, target_mel, active, config)
    defined = correction.project_reference(samples.clone(), target_mel, active, config)
    change = (defined - samples).abs().max()
    assert change > 0.05
    assert (made - defined).abs().max() < 1e-4 * change


@pytest.mark.parametrize("config", ANALYSES.values(), ids=ANALYSES)
def test_all_instruction_sets_give_the_same_bits(config, monkeypatch):
    samples, target_mel, active = arguments(config, 5)
    made = []
    for name in instruction_sets():
        monkeypatch.setenv("WAVESYNTH_INSTRUCTION_SET", name)
        correction.projector.cache_clear()
        made.append(correction.project(samples, target_mel, active, config))
    correction.projector.cache_clear()
    assert all(torch.equal(made[0], other) for other in made[1:])


@pytest.mark.parametrize("frames", [1, 3, 4, 8, 12, 16])
def test_a_stream_has_the_same_bits_in_any_company(frames, instruction_set):
    config = MelConfig()
    samples, target_mel, active = arguments(config, frames, count=18)
    together = correction.project(samples, target_mel, active, config)
    for first, last in [(0, 1), (1, 2), (2, 5), (5, 13), (13, 18)]:
        parts = samples[first:last], target_mel[first:last], active[first:last]
        assert torch.equal(correction.project(*parts, config), together[first:last])


def test_a_stream_is_not_touched_by_one_that_is_not_finite(instruction_set):
    config = MelConfig()
    samples, target_mel, active = arguments(config, 4)
    alone = correction.project(samples[1:], target_mel[1:], active[1:], config)
    samples[0], target_mel[0] = float("nan"), float("inf")
    assert torch.equal(correction.project(samples, target_mel, active, config)[1:], alone)


def test_silence_stays_silence(instruction_set):
    config = MelConfig()
    samples = torch.zeros(1, 3 * config.hop + config.window)
    target_mel = torch.rand(1, 4, config.bands)
    assert torch.equal(correction.project(samples, target_mel, torch.ones(1, 4), config), samples)


def test_other_analyses_are_left_to_the_reference():
    config = MelConfig(n_fft=512, window=512)
    assert correction.projector(config) is None
    samples, target_mel, active = arguments(config, 3)
    expected = correction.project_reference(samples.clone(), target_mel, active, config)
    assert torch.equal(correction.project(samples, target_mel, active, config), expected)


def test_the_kernel_refuses_arrays_of_other_shapes():
    bank, ones = np.ones((2, 513), np.float32), np.ones(512, np.float32)
    spread = np.zeros((3, 513), np.float32)
    with pytest.raises(ValueError, match=r"spread has shape \[3, 513\]; it must be \[2, 513\]"):
        SpectralProjector(160, 4, ones, bank, ones, ones, spread, 1e-5, -2, 1, 1.7)
    spread[0, 7] = spread[2, 7] = 1
    with pytest.raises(ValueError, match="bin 7 lies in more than two bands, or in two that are no neighb"):
        SpectralProjector(160, 4, ones, np.ones((3, 513), np.float32), ones, ones, spread, 1e-5, -2, 1, 1.7)
    kernel = SpectralProjector(160, 4, ones, bank, ones, ones, spread[:2], 1e-5, -2, 1, 1.7)
    target_mel, active = np.zeros((1, 3, 2), np.float32), np.ones((1, 3), np.float32)
    with pytest.raises(ValueError, match="samples has 831 columns; it must be 832"):
        kernel.project(np.zeros((1, 831), np.float32), target_mel, active)
    with pytest.raises(ValueError, match=r"active has shape \[1, 2\]; it must be \[1, 3\]"):
        kernel.project(np.zeros((1, 832), np.float32), target_mel, active[:, :2].copy())
