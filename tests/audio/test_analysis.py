"""The tables of the analysis, which NumPy makes, against PyTorch's; and what the kernels make of them."""

import math

import numpy as np
import pytest
import torch

from wavesynth.audio.analysis import MelConfig, filter_bank, hann_window, log_mel_kernel
from wavesynth.audio.mel import features, features_reference
from wavesynth.audio.resampling import ResamplingBlocks, StreamingResampler, resample_reference, windowed_sinc
from wavesynth.kernels.cpu import Resampler


@pytest.mark.parametrize("length", [2, 201, 512, 800, 60000])
def test_the_window_is_hanns(length):
    expected = torch.hann_window(length, dtype=torch.float64).numpy()
    np.testing.assert_allclose(hann_window(length), expected, atol=2e-15, rtol=0)
    assert np.array_equal(hann_window(length).astype(np.float32), expected.astype(np.float32))


def test_the_bands_stand_where_pytorchs_linspace_puts_them():
    config = MelConfig()
    exponents = torch.linspace(0, 2595 * math.log10(1 + 8000 / 700), 82) / 2595
    edges = (10 ** exponents.double()).float().sub(1).mul(700)
    bins = torch.linspace(0, 8000, 513)
    rising = -(edges[:-2] - bins[:, None]) / edges.diff()[:-1]
    falling = (edges[2:] - bins[:, None]) / edges.diff()[1:]
    expected = rising.minimum(falling).clamp(min=0).double()
    assert np.array_equal(filter_bank(config), expected.numpy())


def test_features_are_those_of_their_definition():
    generator = torch.Generator().manual_seed(0)
    windows = torch.randn(3, 20, 800, dtype=torch.float64, generator=generator) / 8
    made = features(windows, MelConfig())
    assert log_mel_kernel(MelConfig()) is not None
    torch.testing.assert_close(made, features_reference(windows, MelConfig()), atol=2e-7, rtol=0)
    assert torch.equal(features(windows[1, 7], MelConfig()), made[1, 7])


def test_another_transform_is_left_to_the_definition():
    config = MelConfig(n_fft=1000)
    assert log_mel_kernel(config) is None
    windows = torch.randn(2, 800, dtype=torch.float64)
    assert torch.equal(features(windows, config), features_reference(windows, config))


@pytest.mark.parametrize("target", [8000, 16000, 22050, 24000, 44100, 48000])
def test_the_filter_of_no_rate_is_large(target):
    for source in range(8000, 96_001, 37):
        blocks = ResamplingBlocks.of(source, target)
        assert blocks.up * blocks.down <= 600_000
        assert abs(blocks.up / blocks.down * source / target - 1) < 1e-3


@pytest.mark.parametrize("target", [16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize(
    "source", [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000]
)
def test_usual_rates_have_their_exact_ratio(source, target):
    blocks = ResamplingBlocks.of(source, target)
    assert blocks.up * source == blocks.down * target


@pytest.mark.parametrize(("up", "down"), [(2, 1), (640, 441), (160, 441), (1, 6), (3, 1000), (1001, 570)])
def test_the_taps_of_a_filter_that_are_left_out_are_zero(up, down):
    table, before = windowed_sinc(up, down)
    cutoff = 0.99 * min(up, down)
    taps = np.arange(-before, before + down, dtype=np.float64) / down
    phases = np.arange(0, -up, -1, dtype=np.float32) / np.float32(up)
    t = np.clip((phases[:, None] + taps) * cutoff, -6, 6)
    assert np.array_equal(
        table, (np.sinc(t) * (np.cos(t * np.pi / 12) ** 2 * (cutoff / down))).astype(np.float32)
    )


@pytest.mark.parametrize(
    ("source", "target"), [(8000, 16000), (44100, 16000), (48000, 16000), (16000, 22050)]
)
def test_resampling_is_that_of_its_definition(source, target):
    sound = torch.randn(source // 10, generator=torch.Generator().manual_seed(0)) / 8
    resampler = StreamingResampler(source, target)
    made = torch.cat([resampler.push(sound), resampler.finish()])
    common = math.gcd(source, target)
    up, down = target // common, source // common
    table, before = windowed_sinc(up, down)
    periods = -(-len(sound) // down)
    padded = np.pad(sound.numpy(), (before, periods * down + table.shape[1] - len(sound)))
    expected = resample_reference(table, down, padded, periods)[: len(made)]
    assert np.array_equal(Resampler(down, table).periods(padded, periods)[: len(made)], made.numpy())
    np.testing.assert_allclose(made.numpy(), expected, atol=1e-6, rtol=0)
