"""Bytes to samples and back."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from wavesynth.audio.encodings import Encoding, SampleFormat, bytes_of, encoder, pcm16_floats, samples_of

SAMPLES = np.random.default_rng(0).integers(-32768, 32768, 5000).astype(np.int16)


def encoded(encoding, cuts):
    """SAMPLES through an encoder, cut at `cuts`."""
    encode, pieces = encoder(encoding, 16000, len(SAMPLES)), np.split(SAMPLES, cuts)
    return b"".join(encode(piece, i == len(pieces) - 1) for i, piece in enumerate(pieces))


@pytest.mark.parametrize("encoding", Encoding)
def test_bytes_do_not_depend_on_where_the_stream_was_cut(encoding):
    assert encoded(encoding, [1, 160, 4999]) == encoded(encoding, [2500]) == encoded(encoding, [])


@pytest.mark.parametrize("encoding", [Encoding.FLAC, Encoding.WAV])
def test_files_hold_the_very_samples_and_say_how_many(encoding):
    file = io.BytesIO(encoded(encoding, [160, 320]))
    assert soundfile.info(file).frames == len(SAMPLES)
    file.seek(0)
    assert np.array_equal(soundfile.read(file, dtype="int16")[0], SAMPLES)


@pytest.mark.parametrize("encoding", Encoding)
def test_only_what_has_no_header_can_be_of_unknown_length(encoding):
    if encoding.needs_length:
        with pytest.raises(ValueError, match=f"encoding is {encoding.value}; .* takes pcm16 or mulaw"):
            encoder(encoding, 16000, None)
    else:
        assert encoder(encoding, 16000, None)(SAMPLES, True) == encoded(encoding, [])


@pytest.mark.parametrize("encoding", [Encoding.PCM16, Encoding.MULAW])
def test_a_sample_takes_as_many_bytes_as_it_says(encoding):
    assert len(encoded(encoding, [7])) == encoding.bytes_per_sample * len(SAMPLES)


def test_samples_come_back_from_their_bytes():
    assert np.array_equal(samples_of(bytes_of(SAMPLES, SampleFormat.PCM16), SampleFormat.PCM16), SAMPLES)
    floats = SAMPLES / np.float32(32768)
    for given in (SAMPLES, floats):
        back = samples_of(bytes_of(given, SampleFormat.FLOAT32), SampleFormat.FLOAT32)
        assert back.dtype == np.float32 and np.array_equal(back, floats)
    assert np.array_equal(pcm16_floats(bytes_of(SAMPLES, SampleFormat.PCM16)), floats)


def test_floating_point_beyond_full_scale_is_clipped():
    data = bytes_of(np.float32([1.5, -2.0, 0.5]), SampleFormat.FLOAT32)
    assert samples_of(data, SampleFormat.FLOAT32).tolist() == [1.0, -1.0, 0.5]


@pytest.mark.parametrize(("form", "size"), [(SampleFormat.PCM16, 2), (SampleFormat.FLOAT32, 4)])
def test_half_a_sample_is_refused(form, size):
    with pytest.raises(
        ValueError, match=f"audio has 5 bytes; it must be a multiple of {size}, whole samples"
    ):
        samples_of(b"12345", form)
