from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from wavesynth.audio.files import read, write_flac, write_wav
from wavesynth.audio.pcm import pcm16
from wavesynth.audio.recordings import SUFFIXES


def tone(seconds: float = 1.0, rate: int = 16000, hertz: float = 440.0) -> Tensor:
    return 0.5 * torch.sin(torch.arange(round(seconds * rate)) * (2 * torch.pi * hertz / rate))


#: What PyAV writes: codec, container and sample rate by suffix.
BY_PYAV = {
    ".g722": ("g722", "g722", 16000),
    ".m4a": ("aac", "ipod", 16000),
    ".aac": ("aac", "adts", 16000),
    ".3gp": ("aac", "3gp", 16000),
    ".amr": ("libopencore_amrnb", "amr", 8000),
    ".opus": ("libopus", "ogg", 48000),
    ".webm": ("libopus", "webm", 48000),
    ".mka": ("aac", "matroska", 16000),
    ".mkv": ("aac", "matroska", 16000),
    ".mp4": ("aac", "mp4", 16000),
    ".mov": ("aac", "mov", 16000),
    ".wv": ("wavpack", "wv", 16000),
    ".mp2": ("mp2", "mp2", 16000),
    ".wma": ("wmav2", "asf", 16000),
}
BIT_RATES = {"libopencore_amrnb": 12200, "wmav2": 32000}
BY_LIBSNDFILE = {
    **{".oga": "OGG", ".aif": "AIFF", ".aifc": "AIFF", ".snd": "AU"},
    **{suffix: None for suffix in (".wav", ".flac", ".ogg", ".mp3", ".caf", ".aiff", ".au", ".w64", ".rf64")},
}


def write_with_pyav(path: Path, codec: str, container: str, rate: int) -> None:
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        if codec in BIT_RATES:
            stream.bit_rate = BIT_RATES[codec]
        frame = av.AudioFrame.from_ndarray(pcm16(tone(rate=rate))[None], format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)


def loudest_frequency(waveform: Tensor) -> float:
    spectrum = torch.fft.rfft(waveform * torch.hann_window(len(waveform))).abs()
    return int(spectrum.argmax()) * 16000 / len(waveform)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_name_that_is_taken_for_a_recording_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix in BY_PYAV:
        write_with_pyav(path, *BY_PYAV[suffix])
    else:
        soundfile.write(path, tone().numpy(), 16000, format=BY_LIBSNDFILE[suffix])
    x = read(path)
    assert x.dtype == torch.float32 and x.dim() == 1
    assert abs(len(x) - 16000) < 2200  # codecs pad
    assert abs(loudest_frequency(x) - 440) < 2
    assert x.square().mean().sqrt().item() == pytest.approx(0.5 / 2**0.5, rel=0.2)


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
