"""How audio goes out: encoders that take a stream chunk by chunk."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import soundfile
from numpy.typing import NDArray

from wavesynth.engine.stream import Encode, pcm16_bytes
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["bytes_per_sample", "encoder", "mulaw_bytes"]


def encoder(encoding: pb.Encoding.ValueType, sample_rate: int, samples: int | None) -> Encode:
    """An encoder for one stream of `samples` samples (None: not known beforehand).

    Raises ValueError for an encoding that does not exist, or that must know the length and does not.
    """
    if encoding in (pb.ENCODING_UNSPECIFIED, pb.ENCODING_PCM16):
        return pcm16_bytes
    if encoding == pb.ENCODING_MULAW:
        return mulaw_bytes
    if encoding not in (pb.ENCODING_FLAC, pb.ENCODING_WAV):
        raise ValueError(f"encoding is {encoding}; it must be from 0 to {max(pb.Encoding.values())}")
    if samples is None:
        name = pb.Encoding.Name(encoding)
        raise ValueError(
            f"encoding is {name}; a call of unknown length takes ENCODING_PCM16 or ENCODING_MULAW"
        )
    return (_Flac if encoding == pb.ENCODING_FLAC else _Wav)(sample_rate, samples)


def bytes_per_sample(encoding: pb.Encoding.ValueType) -> int:
    """The most bytes that a sample takes, headers aside."""
    return 1 if encoding == pb.ENCODING_MULAW else 2


def mulaw_bytes(samples: NDArray[np.int16], last: bool = False) -> bytes:
    """G.711 μ-law, one byte a sample."""
    return _mulaw_table()[samples.view(np.uint16)].tobytes()


@lru_cache
def _mulaw_table() -> NDArray[np.uint8]:
    """libsndfile's μ-law byte of every 16-bit sample, those below zero last."""
    file = io.BytesIO()
    every = np.arange(65536, dtype=np.uint16).view(np.int16)
    soundfile.write(file, every, 16000, "ULAW", format="RAW")
    return np.frombuffer(file.getvalue(), np.uint8)


class _Wav:
    """16-bit PCM behind a header that says how much."""

    def __init__(self, sample_rate: int, samples: int) -> None:
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
        self._sink = _Sink()
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


class _Sink(io.RawIOBase):
    """A file that gives its bytes away; what is written again after that is lost."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._size = self._position = 0

    def take(self) -> bytearray:
        taken, self._kept = self._kept, bytearray()
        return taken

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self._position == self._size:
            self._kept += data
            self._size += len(data)
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = (
            offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        )
        return self._position

    def tell(self) -> int:
        return self._position
