import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from wavesynth.audio.analysis import MelConfig, filter_bank
from wavesynth.audio.mel import StreamingLogMel, log_mel


def noise(samples: int, seed: int = 0) -> Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed)) / 8


def streamed(waveform: Tensor, sizes: list[int], config: MelConfig | None = None) -> Tensor:
    """The features of a waveform pushed in chunks of these sizes, over and over."""
    mel, parts, at = StreamingLogMel(config), [], 0
    for size in itertools.cycle(sizes):
        if at >= len(waveform):
            return torch.cat([*parts, mel.finish()])
        parts.append(mel.push(waveform[at : at + size]))
        at += size
    raise AssertionError


def test_features_are_those_the_shipped_voices_were_trained_on() -> None:
    """By torchaudio 2.11: MelSpectrogram(16000, n_fft=1024, win_length=800, hop_length=160, n_mels=80, f_max=8000,
    pad_mode="constant"), then (log10(max(power, 1e-5)) + 2) / 2."""
    integers = np.random.default_rng(0).integers(-4000, 4000, 1600)
    expected = torch.from_numpy(np.load(Path(__file__).with_name("torchaudio_log_mel.npy")))
    features = log_mel(torch.from_numpy(integers / 32768).float())
    torch.testing.assert_close(features, expected, atol=1e-5, rtol=0)


def test_bands_are_triangles_equidistant_in_mel() -> None:
    bank = filter_bank(MelConfig())  # [513, 80]
    mel = 2595 * np.log10(1 + np.arange(513) * 8000 / 512 / 700)
    centres = mel[bank.argmax(0)]
    spacing = 2595 * np.log10(1 + 8000 / 700) / 81
    bin_width = np.gradient(mel)[bank.argmax(0)]
    assert (np.abs(centres - spacing * np.arange(1, 81)) <= bin_width).all()
    between = bank[(mel >= spacing) & (mel <= 80 * spacing)]
    np.testing.assert_allclose(between.sum(1), 1, atol=1e-3)


def test_silence_is_the_silence_value() -> None:
    assert MelConfig().silence == -1.5
    assert (log_mel(torch.zeros(400)) == -1.5).all()


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (1, 1), (160, 1), (161, 2), (1600, 10)])
def test_there_is_one_frame_for_each_hop_begun(samples: int, frames: int) -> None:
    assert log_mel(noise(samples)).shape == (frames, 80)
    assert MelConfig().frames(samples) == frames


def test_beyond_its_ends_a_recording_is_silent() -> None:
    x = noise(1000)
    padded = torch.cat([torch.zeros(800), x, torch.zeros(800)])
    torch.testing.assert_close(log_mel(padded)[5:12], log_mel(x), atol=1e-6, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 2500), st.lists(st.integers(1, 2500), min_size=1, max_size=5), st.integers(0, 9))
def test_a_stream_gives_the_features_of_the_whole(samples: int, sizes: list[int], seed: int) -> None:
    x = noise(samples, seed)
    features = streamed(x, sizes)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, log_mel(x), atol=1e-5, rtol=0)
    assert torch.equal(features, streamed(x, [samples])), "the bits depend on the chunks"


def test_one_sample_at_a_time_gives_the_same_bits() -> None:
    x = noise(1500)
    assert torch.equal(streamed(x, [1]), streamed(x, [1500]))


def test_other_configurations_stream_too() -> None:
    config = MelConfig(sample_rate=8000, n_fft=256, window=201, hop=70, bands=20, low=50, high=3800)
    x = noise(3000)
    torch.testing.assert_close(streamed(x, [33], config), log_mel(x, config), atol=1e-5, rtol=0)


def test_a_quiet_band_beside_a_loud_tone_is_not_rounding_noise() -> None:
    x = torch.sin(torch.arange(1600) * 2 * torch.pi * 1000 / 16000) + 2e-3 * noise(1600)
    window = np.hanning(801)[:800]
    bank = filter_bank(MelConfig())
    for frame in (3, 4, 5):
        samples = x[frame * 160 - 400 : frame * 160 + 400].double().numpy()
        power = np.abs(np.fft.rfft(samples * window, 1024)) ** 2 @ bank
        expected = (np.log10(np.maximum(power, 1e-5)) + 2) / 2
        assert ((expected > -1.5) & (expected < -0.5)).sum() > 20  # quiet, and not at the floor
        np.testing.assert_allclose(log_mel(x)[frame], expected, atol=1e-6)


def test_a_frame_is_out_as_soon_as_its_window_is_in() -> None:
    mel = StreamingLogMel()
    for f in range(4):
        missing = f * 160 + 400 - mel.samples
        assert len(mel.push(noise(missing - 1))) == 0
        assert len(mel.push(noise(1))) == 1


def test_a_stream_remembers_no_more_than_a_window() -> None:
    mel = StreamingLogMel()
    for _ in range(20):
        mel.push(noise(1601))
        assert len(mel.pending) < 800
        assert mel.pending.base is None  # not a part of something longer


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("window", 2048),
        ("hop", 0),
        ("hop", 900),
        ("bands", 0),
        ("low", 9000.0),
        ("high", 8001.0),
        ("high", 31.0),  # between low and high are two bins of the spectrum
        ("floor", 0.0),
        ("floor", 1e7),
    ],
)
def test_an_impossible_configuration_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"mel {field} is {value}; it must be"):
        MelConfig(**{field: value})


def test_bands_that_are_too_narrow_for_float32_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"mel bands is 256; it must be fewer between 95990.0 and 96000.0 hertz"
    ):
        MelConfig(sample_rate=192_000, n_fft=65536, low=95_990.0, high=96_000.0, bands=256)


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[2, 100\]"):
        log_mel(torch.zeros(2, 100))
    with pytest.raises(ValueError, match=r"\[2, 100\]"):
        StreamingLogMel().push(torch.zeros(2, 100))
