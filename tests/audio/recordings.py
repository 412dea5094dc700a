"""Recordings for tests, written by libsndfile and by PyAV."""

from pathlib import Path

import av
import torch
from torch import Tensor

from wavesynth.audio.pcm import pcm16


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
