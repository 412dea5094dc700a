"""Encodings of a stream's audio: bytes to samples where audio comes in, samples to bytes where it goes out.

Both directions work chunk by chunk. Server and clients use the same functions; what the API calls an encoding is the
server's and the clients' business.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.pcm import as_float

__all__ = [
    "Encode",
    "Encoding",
    "SampleFormat",
    "Sink",
    "bytes_of",
    "encoder",
    "mulaw_bytes",
    "pcm16_bytes",
    "pcm16_floats",
    "samples_of",
]

#: Bytes of the next samples, int16 [n], and whether they are the last; called in order, once for each chunk.
Encode = Callable[[NDArray[np.int16], bool], bytes]


class SampleFormat(Enum):
    """How the samples that come in are written; the value is NumPy's name of the type."""

    PCM16 = "<i2"
    FLOAT32 = "<f4"


class Encoding(Enum):
    """How the samples that go out are written."""

    PCM16 = "pcm16"
    MULAW = "mulaw"
    """G.711 μ-law, one byte a sample."""
    FLAC = "flac"
    WAV = "wav"

    @property
    def needs_length(self) -> bool:
        """Whether its header says how many samples follow."""
        return self in (Encoding.FLAC, Encoding.WAV)

    @property
    def bytes_per_sample(self) -> int:
        """The most bytes that a sample takes, headers aside."""
        return 1 if self is Encoding.MULAW else 2


def samples_of(data: bytes, form: SampleFormat) -> NDArray[Any]:
    """Samples [n], int16 or float32, of bytes. Raises ValueError if they are no whole samples."""
    kind = np.dtype(form.value)
    if len(data) % kind.itemsize:
        raise ValueError(
            f"audio has {len(data)} bytes; it must be a multiple of {kind.itemsize}, whole samples"
        )
    return np.frombuffer(data, kind).astype(kind.newbyteorder("="), copy=False)


def bytes_of(samples: NDArray[Any], form: SampleFormat) -> bytes:
    """The bytes of samples [n], int16 or floating point; floating point beyond ±1 is clipped.

    SampleFormat.PCM16 is for int16 samples only.
    """
    if form is SampleFormat.PCM16:
        return samples.astype(form.value).tobytes()
    floats = as_float(samples) if samples.dtype.kind == "i" else samples
    return np.clip(floats, -1, 1).astype(form.value).tobytes()


def pcm16_floats(data: bytes) -> NDArray[np.float32]:
    """Samples [n] within ±1 of 16-bit little-endian PCM."""
    return samples_of(data, SampleFormat.PCM16).astype(np.float32) / np.float32(32768)


def encoder(encoding: Encoding, sample_rate: int, samples: int | None) -> Encode:
    """An encoder for one stream of `samples` samples (None: not known beforehand).

    Raises ValueError for an encoding that must know the length and does not.
    """
    if encoding is Encoding.PCM16:
        return pcm16_bytes
    if encoding is Encoding.MULAW:
        return mulaw_bytes
    if samples is None:
        raise ValueError(
            f"encoding is {encoding.value}; a stream of unknown length takes "
            f"{' or '.join(e.value for e in Encoding if not e.needs_length)}"
        )
    return (_Flac if encoding is Encoding.FLAC else _Wav)(sample_rate, samples)


def pcm16_bytes(samples: NDArray[np.int16], last: bool = False) -> bytes:
    """16-bit little-endian PCM."""
    return samples.astype("<i2", copy=False).tobytes()


def mulaw_bytes(samples: NDArray[np.int16], last: bool = False) -> bytes:
    """G.711 μ-law, one byte a sample."""
    return _mulaw_table()[samples.view(np.uint16)].tobytes()


@lru_cache
def _mulaw_table() -> NDArray[np.uint8]:
    """libsndfile's μ-law byte of every 16-bit sample, those below zero last."""
    import soundfile  # here and below: PCM, which most streams are, does without it

    file = io.BytesIO()
    every = np.arange(65536, dtype=np.uint16).view(np.int16)
    soundfile.write(file, every, 16000, "ULAW", format="RAW")
    return np.frombuffer(file.getvalue(), np.uint8)


class _Wav:
    """16-bit PCM behind a header that says how much."""

    def __init__(self, sample_rate: int, samples: int) -> None:
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, np.zeros(0, np.int16), sample_rate, "PCM_16", format="WAV")
        header, size = file.getvalue(), 2 * samples
        riff = (len(header) - 8 + size).to_bytes(4, "little")
        self._header = header[:4] + riff + header[8:-4] + size.to_bytes(4, "little")

    def __call__(self, samples: NDArray[np.int16], last: bool) -> bytes:
        header, self._header = self._header, b""
        return header + pcm16_bytes(samples)


class _Flac:
    """libsndfile's encoder, whose output leaves as soon as it is written."""

    def __init__(self, sample_rate: int, samples: int) -> None:
        import soundfile

        self._sink = Sink()
        self._file = soundfile.SoundFile(self._sink, "w", sample_rate, 1, "PCM_16", format="FLAC")
        self._samples: int | None = samples

    def __call__(self, samples: NDArray[np.int16], last: bool) -> bytes:
        self._file.write(samples)
        if last:
            self._file.close()
        out = self._sink.take()
        if self._samples is not None and len(out) > 26:
            # The encoder would come back to the header with the length: 36 bits from the middle of byte 21
            # (FLAC format, STREAMINFO). We know it now.
            out[21] |= self._samples >> 32
            out[22:26] = (self._samples & 0xFFFFFFFF).to_bytes(4, "big")
            self._samples = None
        return bytes(out)


class Sink(io.RawIOBase):
    """A file that gives its bytes away; what is written again after that is lost."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._size = self._position = 0

    def take(self) -> bytearray:
        """What was written since the last time."""
        taken, self._kept = self._kept, bytearray()
        return taken

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Takes bytes; returns how many."""
        if self._position == self._size:
            self._kept += data
            self._size += len(data)
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves; returns where to."""
        self._position = (
            offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        )
        return self._position

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._position
