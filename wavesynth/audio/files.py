"""Recordings on disk: read as mono float32 at the model's rate, written as 16-bit PCM."""

from __future__ import annotations

import codecs
import errno
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from wavesynth.audio.decoders import TOLERANCE, decode
from wavesynth.audio.pcm import check_scale, pcm16
from wavesynth.files import atomic_path, shown

__all__ = [
    "WRITABLE",
    "Recording",
    "load",
    "read",
    "read_mel",
    "write",
    "write_flac",
    "write_in_place",
    "write_wav",
]

#: libsndfile's container and coding for the suffixes that `write` knows.
WRITABLE = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}


@dataclass(frozen=True)
class Recording:
    """What was read."""

    waveform: NDArray[np.float32]
    """float32 [N], its channels averaged, at the rate that was asked for."""
    notes: tuple[str, ...] = ()
    """What is wrong with the file, though it could be used: each to be said after its name."""


def read(path: str | Path, sample_rate: int = 16000) -> NDArray[np.float32]:
    """The waveform of `load`."""
    return load(path, sample_rate).waveform


def load(path: str | Path, sample_rate: int = 16000) -> Recording:
    """The recording in a file, resampled to `sample_rate` if need be.

    wav, flac, ogg and mp3 are read by libsndfile, g722 and all else by FFmpeg. Of a file that is damaged, or of which
    a part is missing, what is there is used. Raises OSError when the file cannot be opened, ValueError naming it when
    it is no audio, is empty, or holds samples that are not finite or beyond ±1 throughout.
    """
    path = Path(path)
    if not path.is_file() and not path.is_dir() and path.exists():
        raise ValueError(f"{shown(path)} is a pipe, a socket or a device; it must be a file")
    with path.open("rb") as file:  # the decoders' own messages for a missing file are poor
        if _is_text(file.read(4096)):  # decoders find frames in a web page that was saved as a recording
            raise ValueError(f"{shown(path)} cannot be read as audio: it is a text file")
    decoded = decode(path)
    samples, rate = decoded.samples, decoded.rate
    check_scale(samples, shown(path))
    if not 1000 <= rate <= 768_000:
        raise ValueError(f"{shown(path)} has a sample rate of {rate} Hz; it must be from 1000 to 768000")
    mono = samples.mean(1)
    waveform = mono if rate == sample_rate else soxr.resample(mono, rate, sample_rate)
    if not waveform.size:
        raise ValueError(f"{shown(path)} holds no audio samples")
    notes = list(decoded.notes)
    there = len(samples) / rate
    if decoded.promised > there + TOLERANCE:
        notes.append(
            f"ends early: {there:.1f} s are there of the {decoded.promised:.1f} s that its header says"
        )
    if _cancel(samples, mono):
        notes.append("has channels of opposite phase, whose mean is nearly silent: export one of them alone")
    return Recording(waveform, tuple(notes))


def _cancel(samples: NDArray[np.float32], mono: NDArray[np.float32]) -> bool:
    """Whether next to nothing, -40 dB, is left of channels [N, channels] in their mean [N]."""
    return bool(samples.shape[1] > 1 and np.square(mono).mean() < 1e-4 * np.square(samples).mean())


def _is_text(head: bytes) -> bool:
    """Whether a file that begins with these bytes is text: UTF-8 without control characters."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # its last character may be cut off
    except UnicodeDecodeError:
        return False
    return bool(text) and all(character >= " " or character in "\t\n\r\f" for character in text)


def write(path: str | Path, waveform: ArrayLike, sample_rate: int = 16000) -> None:
    """Writes a waveform [N] as what the name says (`WRITABLE`; WAV if nothing), whole or not at all."""
    with atomic_path(path) as temporary:
        _encode(temporary, path, waveform, sample_rate, *_form(path))


def write_in_place(path: str | Path, waveform: ArrayLike, sample_rate: int = 16000) -> None:
    """As `write`, straight into the file: for a caller who renames it once it is whole."""
    _encode(path, path, waveform, sample_rate, *_form(path))


def read_mel(path: str | Path) -> NDArray[np.float32]:
    """The mel frames [frames, bands] of a NumPy file. Raises OSError, or ValueError naming it if it is none."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):  # else it is an archive of arrays
            return np.asarray(loaded, np.float32)
    except (ValueError, EOFError):  # NumPy takes any other file for a pickle, and says how to load that
        pass
    raise ValueError(f"{path} is not a NumPy file of numbers: it must be a .npy file of one array")


def write_wav(path: str | Path, waveform: ArrayLike, sample_rate: int = 16000) -> None:
    """Writes a waveform [N] as a 16-bit WAV file, whole or not at all."""
    with atomic_path(path) as temporary:
        _encode(temporary, path, waveform, sample_rate, *WRITABLE[".wav"])


def write_flac(path: str | Path, waveform: ArrayLike, sample_rate: int = 16000) -> None:
    """Writes a waveform [N] as a 16-bit FLAC file, whole or not at all."""
    with atomic_path(path) as temporary:
        _encode(temporary, path, waveform, sample_rate, *WRITABLE[".flac"])


def _form(path: str | Path) -> tuple[str, str]:
    return WRITABLE.get(Path(path).suffix.lower(), WRITABLE[".wav"])


def _encode(
    path: str | Path,
    name: str | Path,
    waveform: ArrayLike,
    sample_rate: int,
    form: str,
    subtype: str,
) -> None:
    """Writes into `path`; an error names `name`."""
    try:
        soundfile.write(os.fsencode(path), pcm16(waveform), sample_rate, subtype, format=form)
    except (soundfile.LibsndfileError, AssertionError) as error:  # it asserts that all was written
        code = errno.EIO if str(error) else errno.ENOSPC
        raise OSError(code, str(error), str(name)) from error
