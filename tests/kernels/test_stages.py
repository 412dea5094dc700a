"""The native stages around the sampler against their definitions in PyTorch, and against one another."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from wavesynth.audio.analysis import MelConfig, filter_bank, hann_window
from wavesynth.engine.native_converter import native_converter
from wavesynth.kernels.cpu import Conditioner, LogMel, Resampler, instruction_sets
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.sampling.conditioning import native_conditioner

SETS = instruction_sets()
ANALYSES = {
    "shipped": MelConfig(),
    "shortest transform": MelConfig(n_fft=16, window=15, hop=5, bands=3),
    "odd window, silent floor": MelConfig(n_fft=2048, window=1999, hop=512, floor=1e-300),
    "longest transform": MelConfig(n_fft=65536, window=60000, hop=9000, bands=20),
    "telephone": MelConfig(sample_rate=8000, n_fft=256, window=201, hop=70, bands=20, low=50, high=3800),
}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def arrays(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def log_mel(config, name=""):
    return LogMel(hann_window(config.window), np.ascontiguousarray(filter_bank(config).T), config.floor, name)


def conditioners(network, monkeypatch):
    for name in SETS:
        monkeypatch.setenv("WAVESYNTH_INSTRUCTION_SET", name)
        yield native_conditioner(arrays(network))


def wavenet(**values):
    torch.manual_seed(0)
    shape = {"stacks": 1, "layers_per_stack": 3, "residual": 16, "mel_bands": 6, "mel_channels": 9, **values}
    network = WaveNet(WaveNetConfig(**shape)).requires_grad_(False)
    network.bias.normal_()
    return network


@pytest.mark.parametrize("config", ANALYSES.values(), ids=ANALYSES)
@pytest.mark.parametrize("name", SETS)
def test_log_mel_is_that_of_its_definition(config, name):
    windows = noise(6, config.window) * np.array([[1e-20], [1e-8], [1e-3], [0.1], [1], [30]])
    taper = np.hanning(config.window + 1)[:-1]
    power = np.abs(np.fft.rfft(windows * taper, config.n_fft)) ** 2 @ filter_bank(config)
    expected = (np.log10(np.maximum(power, config.floor)) + 2) / 2
    made = log_mel(config, name).features(windows)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected, atol=2e-7, rtol=1e-7)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.sampled_from(list(ANALYSES)[:3]), st.integers(0, 9))
def test_log_mel_has_the_same_bits_in_any_company_and_instruction_set(count, analysis, seed):
    windows = noise(count, ANALYSES[analysis].window, seed=seed) / 8
    made = [log_mel(ANALYSES[analysis], name).features(windows) for name in SETS]
    alone = np.concatenate([log_mel(ANALYSES[analysis]).features(window[None]) for window in windows])
    assert all(np.array_equal(each, alone) for each in made)


@pytest.mark.parametrize("speakers", [0, 3])
def test_conditioning_is_that_of_the_network(speakers, monkeypatch):
    network = wavenet(speakers=speakers)
    windows = torch.from_numpy(noise(5, 7, 6)).float()
    numbers = torch.tensor([2, 0, 1, 1, 2]) if speakers else None
    expected = network.conditioning(windows, numbers)[:, 0].flatten(1).numpy()
    chosen = np.full(5, -1, np.int32) if numbers is None else numbers.numpy().astype(np.int32)
    for kernel in conditioners(network, monkeypatch):
        np.testing.assert_allclose(kernel.frames(windows.numpy(), chosen), expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 11), st.integers(0, 9))
def test_conditioning_has_the_same_bits_in_any_company_and_instruction_set(count, seed):
    network = wavenet(speakers=2, layers_per_stack=5, mel_channels=33)
    windows = noise(count, 7, 6, seed=seed).astype(np.float32)
    speakers = np.arange(count, dtype=np.int32) % 3 - 1
    with pytest.MonkeyPatch.context() as patch:
        kernels = list(conditioners(network, patch))
    alone = [kernels[0].frames(windows[i : i + 1], speakers[i : i + 1])[0] for i in range(count)]
    for kernel in kernels:
        assert np.array_equal(kernel.frames(windows, speakers), np.stack(alone))


@pytest.mark.parametrize("channels", [16, 37])
def test_conversion_is_that_of_the_network_and_the_same_in_all_instruction_sets(channels, monkeypatch):
    torch.manual_seed(1)
    config = ConverterConfig(bands=7, channels=channels, layers=2, past=2, look_ahead=1)
    network = Converter(config).requires_grad_(False)
    for parameter in network.remember.parameters():
        parameter *= 4  # so that gates are nearly shut, too
    track, memory = torch.from_numpy(noise(30, 7)).float() * 3, torch.zeros(2, channels)
    expected, after = network(track[None], memory[:, None])
    windows = np.ascontiguousarray(track.unfold(0, 4, 1).mT.numpy())
    made = []
    for name in SETS:
        monkeypatch.setenv("WAVESYNTH_INSTRUCTION_SET", name)
        kernel = native_converter(arrays(network), -0.3)
        frames, remembered = kernel.frames(windows, memory.numpy())
        np.testing.assert_allclose(frames, expected[0].clamp(min=-0.3).numpy(), atol=2e-5, rtol=0)
        np.testing.assert_allclose(remembered, after[:, 0].numpy(), atol=2e-5, rtol=0)
        first, middle = kernel.frames(windows[:11], memory.numpy())
        last, end = kernel.frames(windows[11:], middle)
        assert np.array_equal(np.concatenate([first, last]), frames) and np.array_equal(end, remembered)
        made.append(frames)
    assert all(np.array_equal(made[0], other) for other in made)


@pytest.mark.parametrize(("up", "down", "taps"), [(1, 3, 41), (2, 1, 15), (160, 441, 475), (3, 2, 5)])
def test_resampling_is_a_convolution_and_the_same_in_all_instruction_sets(up, down, taps):
    filters = noise(up, taps).astype(np.float32) / taps
    filters[:, :2] = filters[0] = 0  # taps that are not there, and a phase without any
    samples = noise(20 * down + taps, seed=1).astype(np.float32)
    expected = F.conv1d(
        torch.from_numpy(samples)[None, None], torch.from_numpy(filters)[:, None], stride=down
    )
    made = [Resampler(down, filters, name).periods(samples, 20) for name in SETS]
    np.testing.assert_allclose(made[0], expected[0, :, :20].T.reshape(-1).numpy(), atol=1e-6, rtol=0)
    assert all(np.array_equal(made[0], other) for other in made)


def test_arrays_of_other_shapes_are_refused():
    with pytest.raises(
        ValueError, match="bank has 10 columns; it must be half a power of two from 16 to 65536"
    ):
        LogMel(np.ones(4), np.ones((2, 10)), 1e-5)
    with pytest.raises(ValueError, match="taper has 17 samples; it must be from 1 to 16"):
        LogMel(np.ones(17), np.ones((2, 9)), 1e-5)
    with pytest.raises(ValueError, match=r"windows has shape \[1, 5\]; it must be \[1, 4\]"):
        LogMel(np.ones(4), np.ones((2, 9)), 1e-5).features(np.ones((1, 5)))
    kernel = native_conditioner(arrays(wavenet(speakers=2)))
    assert isinstance(kernel, Conditioner)
    with pytest.raises(ValueError, match="a speaker is 2; it must be from -1 to 1"):
        kernel.frames(np.zeros((1, 7, 6), np.float32), np.array([2], np.int32))
    with pytest.raises(ValueError, match="samples must be a vector of at least 7 for 2 periods"):
        Resampler(2, np.ones((1, 5), np.float32)).periods(np.ones(6, np.float32), 2)
