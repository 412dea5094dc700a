"""Of a file that is damaged or has another name, what is there is decoded, and what is wrong is said."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.recordings import BY_LIBSNDFILE, BY_PYAV, UNWRITTEN, tone, uniform, write_with_pyav
from wavesynth.audio.files import load, read
from wavesynth.audio.pcm import pcm16


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
    assert np.array_equal(found.waveform, samples / np.float32(32768)) and found.notes == note


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
    assert np.array_equal(read(tmp_path / "b.flac"), read(tmp_path / "a.flac"))


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
