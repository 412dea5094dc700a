"""Recordings are read whatever they are named and coded as, and written whole or not at all."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from tests.audio.recordings import BY_LIBSNDFILE, BY_PYAV, UNWRITTEN, tone, write_with_pyav
from wavesynth.audio.files import load, read, write, write_flac, write_wav
from wavesynth.audio.pcm import pcm16
from wavesynth.audio.recordings import SUFFIXES


def loudest_frequency(waveform: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return int(spectrum.argmax()) * 16000 / len(waveform)


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix not in UNWRITTEN])
def test_every_name_that_is_taken_for_a_recording_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix in BY_PYAV:
        write_with_pyav(path, *BY_PYAV[suffix])
    else:
        soundfile.write(path, tone().numpy(), 16000, format=BY_LIBSNDFILE[suffix])
    x = read(path)
    assert x.dtype == np.float32 and x.ndim == 1
    assert abs(len(x) - 16000) < 2200  # codecs pad
    assert abs(loudest_frequency(x) - 440) < 2
    assert np.sqrt(np.square(x).mean()) == pytest.approx(0.5 / 2**0.5, rel=0.2)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 44101, 48000])
def test_other_rates_are_resampled(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.0, rate).numpy(), rate)
    x = read(tmp_path / "a.wav")
    assert abs(len(x) - 16000) <= 1
    np.testing.assert_allclose(x[1000:15000], tone()[1000:15000], atol=6e-3, rtol=0)


def test_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.stack([np.full(100, 0.5), np.full(100, -0.25)], 1)
    soundfile.write(tmp_path / "a.wav", stereo, 16000)
    assert np.array_equal(read(tmp_path / "a.wav"), np.full(100, 0.125))


def test_channels_that_cancel_each_other_are_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", torch.stack([tone(), -tone()], 1).numpy(), 16000)
    soundfile.write(tmp_path / "b.wav", torch.stack([tone(), 0 * tone()], 1).numpy(), 16000)
    soundfile.write(tmp_path / "c.wav", torch.zeros(9000, 2).numpy(), 16000)
    [note] = load(tmp_path / "a.wav").notes
    assert note == "has channels of opposite phase, whose mean is nearly silent: export one of them alone"
    assert not load(tmp_path / "b.wav").notes and not load(tmp_path / "c.wav").notes


@pytest.mark.parametrize("write", [write_wav, write_flac])
def test_sixteen_bit_samples_come_back_as_they_were(tmp_path: Path, write) -> None:
    samples = torch.arange(-32768, 32768, 7) / 32768
    write(tmp_path / "a", samples)
    assert np.array_equal(read(tmp_path / "a"), samples)


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
    with pytest.raises(ValueError, match=r"a\.wav has NaN or infinite"):
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


def test_floating_point_samples_in_another_scale_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone().numpy() * 32768, 16000, "FLOAT")
    with pytest.raises(
        ValueError, match=r"a\.wav has floating-point samples of up to 16384; they must be within"
    ):
        load(tmp_path / "a.wav")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(ValueError, match=r"a\.wav is a pipe, a socket or a device; it must be a file"):
        load(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("suffix", "form"), [(".wav", "WAV"), (".FLAC", "FLAC"), (".ogg", "OGG"), (".mp3", "MP3")]
)
def test_a_file_is_written_as_what_its_name_says(tmp_path: Path, suffix: str, form: str) -> None:
    write(tmp_path / f"a{suffix}", tone())
    assert soundfile.info(tmp_path / f"a{suffix}").format == form
    assert np.sqrt(np.square(read(tmp_path / f"a{suffix}")).mean()) == pytest.approx(0.5 / 2**0.5, rel=0.1)
