"""Audio files that are sent while they are made: their headers do not say how long they are.

What reads a file as it comes (browsers, FFmpeg, players) takes them all. wav says that it has 4 GiB, as streamed files
do; flac says that its length is unknown. pcm has no header to say its rate, so it has the one that all who use that
name expect, 24 kHz.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.encodings import Encode, Sink, pcm16_bytes
from wavesynth.audio.pcm import as_float, pcm16
from wavesynth.audio.resampling import StreamingResampler
from wavesynth.extras import extra

__all__ = ["LIVE_FILES", "PCM_RATE", "live_file"]

#: The formats, each with its media type.
LIVE_FILES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
#: Hertz of pcm.
PCM_RATE = 24_000
#: A size that stands for one that nobody knows.
_UNKNOWN = 0xFFFFFFFF
#: Of libsndfile, from 0, the best, to 1: some 64 kbit/s at 16 kHz.
_MP3_LEVEL = 0.6
#: FFmpeg's container and codec, and how soon it writes: a page of Ogg for each packet, and no header with the length.
_FFMPEG: dict[str, tuple[str, str, dict[str, str]]] = {
    "opus": ("ogg", "libopus", {"page_duration": "20000"}),
    "aac": ("adts", "aac", {}),
}
#: Hertz that Opus has.
_OPUS_RATES = (8000, 12_000, 16_000, 24_000, 48_000)


def live_file(form: str, sample_rate: int) -> Encode:
    """An encoder of a stream at `sample_rate` hertz as one of LIVE_FILES.

    Raises OSError, saying what to install, for opus and aac where PyAV is missing.
    """
    if form == "pcm":
        return _at(PCM_RATE, sample_rate, pcm16_bytes)
    if form == "wav":
        return _Wav(sample_rate)
    if form in _FFMPEG:
        rate = 48_000 if form == "opus" and sample_rate not in _OPUS_RATES else sample_rate
        return _at(rate, sample_rate, _FFmpeg(form, rate))
    return _Sound(form, sample_rate)


def _at(rate: int, source: int, encode: Encode) -> Encode:
    """`encode`, of samples at `rate` hertz that come at `source`."""
    if rate == source:
        return encode
    resampler = StreamingResampler(source, rate)

    def resampled(samples: NDArray[np.int16], last: bool) -> bytes:
        made = resampler.push_array(as_float(samples))
        if last:
            made = np.concatenate([made, resampler.finish_array()])
        return encode(pcm16(made), last)

    return resampled


class _Wav:
    """16-bit PCM behind a header with unknown sizes."""

    def __init__(self, sample_rate: int) -> None:
        form = (1).to_bytes(2, "little") * 2 + sample_rate.to_bytes(4, "little")
        form += (
            (2 * sample_rate).to_bytes(4, "little") + (2).to_bytes(2, "little") + (16).to_bytes(2, "little")
        )
        size = _UNKNOWN.to_bytes(4, "little")
        self._header = b"RIFF" + size + b"WAVEfmt " + (16).to_bytes(4, "little") + form + b"data" + size

    def __call__(self, samples: NDArray[np.int16], last: bool) -> bytes:
        header, self._header = self._header, b""
        return header + pcm16_bytes(samples)


class _Sound:
    """libsndfile's encoders of mp3 and flac, whose output leaves as soon as it is written."""

    def __init__(self, form: str, sample_rate: int) -> None:
        import soundfile

        self._sink, self._first = Sink(), form == "mp3"
        options: dict[str, Any] = {"format": "FLAC", "subtype": "PCM_16"}
        if form == "mp3":  # a constant rate, by which players know the length of what they have
            options = {"format": "MP3", "subtype": "MPEG_LAYER_III"}
            options |= {"bitrate_mode": "CONSTANT", "compression_level": _MP3_LEVEL}
        self._file = soundfile.SoundFile(self._sink, "w", sample_rate, 1, **options)

    def __call__(self, samples: NDArray[np.int16], last: bool) -> bytes:
        self._file.write(samples)
        if last:
            self._file.close()
        out = bytes(self._sink.take())
        if out and self._first:
            # The encoder begins with a frame of zeros, to which it would come back with the length.
            self._first = False
            if not any(out[4:]):
                return b""
        return out


class _FFmpeg:
    """FFmpeg's encoders of opus and aac."""

    def __init__(self, form: str, sample_rate: int) -> None:
        with extra("ffmpeg", form):
            import av
        container, codec, options = _FFMPEG[form]
        self._written, self._rate, self._at = _Written(), sample_rate, 0
        self._container = av.open(self._written, "w", format=container, options=options)
        self._stream: Any = self._container.add_stream(codec, rate=sample_rate, layout="mono")
        self._frame: Callable[..., Any] = av.AudioFrame.from_ndarray

    def __call__(self, samples: NDArray[np.int16], last: bool) -> bytes:
        if len(samples):
            frame = self._frame(np.ascontiguousarray(samples[None]), format="s16", layout="mono")
            frame.sample_rate, frame.pts = self._rate, self._at
            self._at += len(samples)
            self._mux(frame)
        if last:
            self._mux(None)
            self._container.close()
        return self._written.take()

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


class _Written:
    """A file that cannot go back, for FFmpeg."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def write(self, data: bytes) -> int:
        self._kept += data
        return len(data)

    def take(self) -> bytes:
        taken, self._kept = bytes(self._kept), bytearray()
        return taken
