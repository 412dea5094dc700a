import os
import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from wavesynth.audio.files import load, read, write, write_flac, write_wav
from wavesynth.audio.pcm import pcm16
from wavesynth.audio.recordings import SUFFIXES


def tone(seconds: float = 1.0, rate: int = 16000, hertz: float = 440.0) -> Tensor:
    return 0.5 * torch.sin(torch.arange(round(seconds * rate)) * (2 * torch.pi * hertz / rate))


def uniform(samples: int) -> Tensor:
    """Noise within ±0.5, always the same."""
    return torch.rand(samples, generator=torch.Generator().manual_seed(0)) - 0.5


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
#: Those of them that this version of PyAV cannot write: 19 reads AMR, and no longer writes it.
UNWRITTEN = {suffix for suffix, (codec, *_) in BY_PYAV.items() if codec not in av.codecs_available}
BIT_RATES = {"libopencore_amrnb": 12200, "wmav2": 32000}
BY_LIBSNDFILE = {
    **{".oga": "OGG", ".aif": "AIFF", ".aifc": "AIFF", ".snd": "AU"},
    **{suffix: None for suffix in (".wav", ".flac", ".ogg", ".mp3", ".caf", ".aiff", ".au", ".w64", ".rf64")},
}


def write_with_pyav(
    path: Path, codec: str, container: str, rate: int, waveform: Tensor | None = None
) -> None:
    samples = tone(rate=rate) if waveform is None else waveform
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        if codec in BIT_RATES:
            stream.bit_rate = BIT_RATES[codec]
        frame = av.AudioFrame.from_ndarray(pcm16(samples)[None], format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)


def loudest_frequency(waveform: Tensor) -> float:
    spectrum = torch.fft.rfft(waveform * torch.hann_window(len(waveform))).abs()
    return int(spectrum.argmax()) * 16000 / len(waveform)


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix not in UNWRITTEN])
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


def header(size: int, after: bytes = b"") -> bytes:
    """A WAV file's header that says that `size` bytes of samples follow, and what follows."""
    form = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
    return (
        b"RIFF"
        + bytes(4)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", size)
        + after
    )


@pytest.mark.parametrize(
    ("size", "note"),
    [
        (32000, ()),
        (64000, ("ends early: 1.0 s are there of the 2.0 s that its header says",)),
        (
            0,
            (
                "has a header that says it is empty, as one whose recorder was killed; all that follows was used",
            ),
        ),
        (0xFFFFFFFF, ("has a header that does not say how long it is; all that follows was used",)),
        (0x7FFFFFDB, ("has a header that does not say how long it is; all that follows was used",)),
    ],
)
def test_what_is_there_of_a_wav_file_is_used_and_what_is_not_is_said(tmp_path: Path, size: int, note) -> None:
    samples = pcm16(tone())
    (tmp_path / "a.wav").write_bytes(header(size, samples.astype("<i2").tobytes()))
    found = load(tmp_path / "a.wav")
    assert torch.equal(found.waveform, torch.from_numpy(samples / np.float32(32768))) and found.notes == note


@pytest.mark.parametrize("rest", [b"", b"LIST" + struct.pack("<I", 4) + b"INFO"])
def test_a_wav_file_without_samples_stays_empty(tmp_path: Path, rest: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(header(0, rest))
    with pytest.raises(ValueError, match=r"a\.wav holds no audio samples"):
        load(tmp_path / "a.wav")


@pytest.mark.parametrize(
    "suffix",
    sorted({".flac", ".mp3", ".ogg", ".opus", ".aiff", ".au", ".mka", ".aac", ".amr"} - UNWRITTEN),
)
def test_half_of_a_file_is_used_and_said_to_be_less(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix in BY_PYAV:
        noise = uniform(4 * BY_PYAV[suffix][2])
        write_with_pyav(path, *BY_PYAV[suffix], noise)
    else:
        soundfile.write(path, uniform(64_000).numpy(), 16000, format=BY_LIBSNDFILE[suffix])
    whole, half = load(path), path.read_bytes()[: path.stat().st_size * 2 // 3]
    path.write_bytes(half)
    part = load(path)
    assert whole.notes == () and part.notes
    assert 0.1 * len(whole.waveform) < len(part.waveform) < 0.9 * len(whole.waveform)


def test_an_mp3_file_that_does_not_count_its_frames_is_read_to_its_end(tmp_path: Path) -> None:
    loud = uniform(6 * 16000)
    loud[4000:] = 0  # from the size of its first frames too early an end is guessed
    soundfile.write(tmp_path / "a.mp3", loud.numpy(), 16000, bitrate_mode="VARIABLE", compression_level=0.5)
    data = (tmp_path / "a.mp3").read_bytes()
    at = max(data.find(b"Xing"), data.find(b"Info"))
    frames = data[at:].split(b"\xff\xf3", 1)[1]  # without the frame that counts
    (tmp_path / "b.mp3").write_bytes(b"\xff\xf3" + frames)
    assert abs(len(read(tmp_path / "b.mp3")) - 6 * 16000) < 4000


def test_a_flac_file_from_a_pipe_is_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone().numpy(), 16000)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # the count of samples: unknown
    (tmp_path / "b.flac").write_bytes(data)
    assert torch.equal(read(tmp_path / "b.flac"), read(tmp_path / "a.flac"))


def test_other_files_named_g722_are_refused_and_g722_is_not(tmp_path: Path) -> None:
    other = tmp_path / "a.g722"
    random = np.random.default_rng(0)
    for content in (
        random.bytes(10_000),
        zlib.compress(random.bytes(3000)),
        bytes(5000),
        b"Dear reader, ABC. " * 300,
    ):
        other.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"a\.g722 cannot be read as audio: (.* are none of G.722's|it is a text)"
        ):
            load(other)
    noise = uniform(48_000) * 2
    for level in (1.0, 0.1, 0.0):
        write_with_pyav(other, "g722", "g722", 16000, noise * level)
        assert load(other).notes == ()


def test_a_decoders_own_words_are_kept_from_standard_error(tmp_path: Path, capfd) -> None:
    soundfile.write(tmp_path / "a.mp3", uniform(48_000).numpy(), 16000)
    data = bytearray((tmp_path / "a.mp3").read_bytes())
    for at in range(3000, len(data), 500):
        data[at : at + 40] = bytes(40)
    (tmp_path / "a.mp3").write_bytes(data)
    (tmp_path / "b.mp3").write_bytes(np.random.default_rng(0).bytes(100_000))
    assert load(tmp_path / "a.mp3").notes
    with pytest.raises(ValueError, match=r"b\.mp3 cannot be read as audio"):
        load(tmp_path / "b.mp3")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


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
    assert read(tmp_path / f"a{suffix}").square().mean().sqrt().item() == pytest.approx(0.5 / 2**0.5, rel=0.1)


def test_what_others_write_on_standard_error_meanwhile_comes_out_and_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "a.mp3", uniform(48_000).numpy(), 16000)
    opened = soundfile.SoundFile

    def other(*given: object) -> soundfile.SoundFile:
        os.write(2, b"another thread: error 7\n[src/libmpg123/parse.c:skip():1] warning: junk\nand more")
        return opened(*given)

    monkeypatch.setattr(soundfile, "SoundFile", other)
    assert load(tmp_path / "a.mp3").notes == ()
    assert capfd.readouterr().err == "another thread: error 7\nand more"


@pytest.mark.parametrize("name", ["page.mp3", "page.g722"])
def test_text_that_is_named_as_a_recording_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"<html>404 not found</html>\n" * 200)
    with pytest.raises(ValueError, match=f"{name} cannot be read as audio: it is a text file"):
        load(tmp_path / name)


def test_noise_named_flac_is_no_audio_rather_than_of_0_hz(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(np.random.default_rng(0).bytes(20000))
    with pytest.raises(ValueError, match="cannot be read as audio"):
        load(tmp_path / "a.flac")
