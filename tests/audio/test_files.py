from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from wavesynth.audio.files import read, write_flac, write_wav
from wavesynth.audio.pcm import pcm16


def tone(seconds: float = 1.0, rate: int = 16000, hertz: float = 440.0) -> Tensor:
    return 0.5 * torch.sin(torch.arange(round(seconds * rate)) * (2 * torch.pi * hertz / rate))


def write_g722(path: Path, waveform: Tensor) -> None:
    with av.open(str(path), "w", format="g722") as container:
        stream = container.add_stream("g722", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm16(waveform)[None], format="s16", layout="mono")
        frame.sample_rate = 16000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def loudest_frequency(waveform: Tensor) -> float:
    spectrum = torch.fft.rfft(waveform * torch.hann_window(len(waveform))).abs()
    return int(spectrum.argmax()) * 16000 / len(waveform)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "g722"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "g722":
        write_g722(path, tone())
    else:
        soundfile.write(path, tone().numpy(), 16000)
    x = read(path)
    assert x.dtype == torch.float32 and x.dim() == 1
    assert abs(len(x) - 16000) < 1200  # mp3 pads
    assert abs(loudest_frequency(x) - 440) < 2
    assert x.square().mean().sqrt().item() == pytest.approx(0.5 / 2**0.5, rel=0.05)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 44101, 48000])
def test_other_rates_are_resampled(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.0, rate).numpy(), rate)
    x = read(tmp_path / "a.wav")
    assert abs(len(x) - 16000) <= 1
    torch.testing.assert_close(x[1000:15000], tone()[1000:15000], atol=6e-3, rtol=0)


def test_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.stack([np.full(100, 0.5), np.full(100, -0.25)], 1)
    soundfile.write(tmp_path / "a.wav", stereo, 16000)
    assert torch.equal(read(tmp_path / "a.wav"), torch.full((100,), 0.125))


@pytest.mark.parametrize("write", [write_wav, write_flac])
def test_sixteen_bit_samples_come_back_as_they_were(tmp_path: Path, write) -> None:
    samples = torch.arange(-32768, 32768, 7) / 32768
    write(tmp_path / "a", samples)
    assert torch.equal(read(tmp_path / "a"), samples)


def test_what_exceeds_the_range_is_clipped_not_wrapped() -> None:
    assert pcm16(torch.tensor([1.0, 1.5, -1.0, -1.5])).tolist() == [32767, 32767, -32768, -32768]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wav(tmp_path / "a.wav", tone())
    before = (tmp_path / "a.wav").read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(soundfile, "write", fail)
    with pytest.raises(OSError, match="no space"):
        write_wav(tmp_path / "a.wav", tone(0.5))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == before


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.g722", "a.raw", "a:b.flac"])
def test_what_is_no_audio_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"" if name == "a.g722" else b"This is a letter, not a song." * 20)
    with pytest.raises(ValueError, match=name):
        read(tmp_path / name)


def test_no_samples_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16000)
    with pytest.raises(ValueError, match=r"a\.wav holds no audio samples"):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_refused(tmp_path: Path, value: float) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0, value, 0]), 16000, "FLOAT")
    with pytest.raises(ValueError, match=r"a\.wav holds NaN or infinite"):
        read(tmp_path / "a.wav")


def test_a_rate_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 10)
    with pytest.raises(ValueError, match=r"a\.wav has a sample rate of 10 Hz"):
        read(tmp_path / "a.wav")


def test_a_missing_file_is_an_os_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.wav"):
        read(tmp_path / "none.wav")
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        read(tmp_path)
