"""Recordings on disk: read as mono float32 at the model's rate, written as 16-bit PCM."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from wavesynth.audio.pcm import pcm16
from wavesynth.files import atomic_path

__all__ = ["WRITABLE", "read", "write", "write_flac", "write_wav"]

#: libsndfile's container and coding for the suffixes that `write` knows.
WRITABLE = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}


def read(path: str | Path, sample_rate: int = 16000) -> Tensor:
    """The recording as a float32 tensor [N]: its channels averaged, resampled to `sample_rate` if need be.

    wav, flac, ogg and mp3 are read by libsndfile, g722 and all else by FFmpeg. Raises OSError when the file
    cannot be opened, ValueError naming it when it is no audio, is empty, or holds NaN or infinite samples.
    """
    path = Path(path)
    with path.open("rb"):  # the decoders' own messages for a missing file are poor
        pass
    try:
        samples, rate = soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a .raw name
        samples, rate = _read_with_ffmpeg(path)
    if not np.isfinite(samples).all():
        raise ValueError(f"{path} holds NaN or infinite samples")
    if not 1000 <= rate <= 768_000:
        raise ValueError(f"{path} has a sample rate of {rate} Hz; it must be from 1000 to 768000")
    mono = samples.mean(1)
    waveform = torch.from_numpy(mono if rate == sample_rate else soxr.resample(mono, rate, sample_rate))
    if not waveform.numel():
        raise ValueError(f"{path} holds no audio samples")
    return waveform


def _read_with_ffmpeg(path: Path) -> tuple[NDArray[np.float32], int]:
    try:
        with av.open(str(path.absolute())) as container:  # absolute: "a:b.wav" would name a protocol
            stream = next(iter(container.streams.audio), None)
            planar = av.AudioResampler(format="fltp")
            decoded = (
                [f for frame in container.decode(stream) for f in planar.resample(frame)] if stream else []
            )
            rate = stream.rate if stream else 16000
    except (av.FFmpegError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as audio: {getattr(error, 'strerror', error)}") from error
    chunks = [frame.to_ndarray().astype(np.float32) for frame in decoded]  # [channels, N] each
    return (np.concatenate(chunks, 1).T if chunks else np.zeros((0, 1), np.float32)), rate


def write(path: str | Path, waveform: Tensor | ArrayLike, sample_rate: int = 16000) -> None:
    """Writes a waveform [N] as what the name says (`WRITABLE`; WAV if nothing), whole or not at all."""
    _write(path, waveform, sample_rate, *WRITABLE.get(Path(path).suffix.lower(), WRITABLE[".wav"]))


def write_wav(path: str | Path, waveform: Tensor | ArrayLike, sample_rate: int = 16000) -> None:
    """Writes a waveform [N] as a 16-bit WAV file, whole or not at all."""
    _write(path, waveform, sample_rate, *WRITABLE[".wav"])


def write_flac(path: str | Path, waveform: Tensor | ArrayLike, sample_rate: int = 16000) -> None:
    """Writes a waveform [N] as a 16-bit FLAC file, whole or not at all."""
    _write(path, waveform, sample_rate, *WRITABLE[".flac"])


def _write(path: str | Path, waveform: Tensor | ArrayLike, sample_rate: int, form: str, subtype: str) -> None:
    with atomic_path(path) as temporary:
        try:
            soundfile.write(os.fsencode(temporary), pcm16(waveform), sample_rate, subtype, format=form)
        except (soundfile.LibsndfileError, AssertionError) as error:  # it asserts that all was written
            code = errno.EIO if str(error) else errno.ENOSPC
            raise OSError(code, str(error), str(path)) from error
