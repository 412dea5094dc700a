"""Files that are sent while they are made: players read them, and the first sound does not wait for the end."""

import io
import wave

import numpy as np
import pytest
import soundfile

from wavesynth.audio.live_files import LIVE_FILES, live_file

TONE = (8000 * np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000)).astype(np.int16)


def encoded(form, rate=16_000, step=160):
    """The pieces that leave for each piece of two seconds of 440 Hz."""
    encode = live_file(form, rate)
    ends = range(step, len(TONE) + 1, step)
    return [encode(TONE[end - step : end], end == len(TONE)) for end in ends]


def decoded(form, data):
    av = pytest.importorskip("av", reason="needs av: pip install '.[ffmpeg]'")
    with av.open(io.BytesIO(data), format={"opus": "ogg"}.get(form, form)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    samples = np.concatenate([frame.reshape(-1) for frame in frames]).astype(np.float32)
    return samples / (32768 if np.abs(samples).max() > 2 else 1), rate


@pytest.mark.parametrize("form", [form for form in LIVE_FILES if form != "pcm"])
def test_a_player_hears_all_of_it(form):
    if form in ("opus", "aac"):
        pytest.importorskip("av", reason="needs av: pip install '.[ffmpeg]'")
    samples, rate = decoded(form, b"".join(encoded(form)))
    assert len(samples) / rate == pytest.approx(2, abs=0.15)
    level = np.abs(np.fft.rfft(samples[rate // 2 : rate // 2 + rate]))
    assert level.argmax() == 440
    assert np.abs(samples).max() == pytest.approx(8000 / 32768, rel=0.1)


@pytest.mark.parametrize("form", list(LIVE_FILES))
def test_sound_leaves_while_more_is_made(form):
    if form in ("opus", "aac"):
        pytest.importorskip("av", reason="needs av: pip install '.[ffmpeg]'")
    pieces = encoded(form)
    early = sum(map(len, pieces[: len(pieces) // 2])) / sum(map(len, pieces))
    assert early > 0.3  # of the bytes after half of the time
    assert any(pieces[1:40])  # within the first 0.4 s, beside a header


def test_pcm_has_24_kilohertz_whatever_the_voice_has_and_however_it_is_cut():
    whole, pieces = (b"".join(encoded("pcm", step=step)) for step in (32_000, 160))
    samples = np.frombuffer(whole, "<i2")
    assert whole == pieces and len(samples) == 48_000
    assert np.abs(np.fft.rfft(samples[:24_000])).argmax() == 440


def test_the_standard_library_reads_the_wav():
    with wave.open(io.BytesIO(b"".join(encoded("wav")))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert file.readframes(len(TONE)) == TONE.tobytes()


def test_a_rate_that_opus_does_not_have_is_resampled():
    pytest.importorskip("av", reason="needs av: pip install '.[ffmpeg]'")
    samples, _ = decoded("opus", b"".join(encoded("opus", rate=22_050)))
    assert len(samples) == pytest.approx(48_000 * len(TONE) / 22_050, rel=0.05)


def test_libsndfile_reads_the_mp3():
    samples, rate = soundfile.read(io.BytesIO(b"".join(encoded("mp3"))))
    assert rate == 16_000 and len(samples) == pytest.approx(32_000, rel=0.1)
