"""Between NumPy and the API's messages: what a caller gives, checked, and the audio that comes back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.v1 import synthesis_pb2 as pb

__all__ = [
    "Chunk",
    "How",
    "Manner",
    "audio_format",
    "chunk_of",
    "conditioning_of",
    "pcm_of",
    "read_mel",
    "synthesis_of",
]


@dataclass(frozen=True)
class Chunk:
    """A piece of audio."""

    samples: NDArray[np.float32]
    """[n] within ±1."""
    pcm: bytes
    """The same as 16-bit little-endian PCM."""
    first_sample: int
    """Index of its first sample in the whole."""
    sample_rate: int
    """Hertz."""
    statistics: pb.Statistics | None
    """Of the whole, on the last chunk."""


class Manner(TypedDict, total=False):
    """How a voice is to say it."""

    seed: int
    """The same seed gives the same audio; 0 if not given."""
    temperature: float | None
    """From 0.1 (most likely) to 2, where 1 is as trained; the voice's own if not given."""
    correction: bool | None
    """Whether the audio is filtered towards the log-mel that it is made from; as the voice has it if not given."""
    speaker: str
    """One of the voice's speakers."""
    first_sample: int
    """Where the audio is to begin, in samples from 0."""
    sample_rate: int
    """Of the audio that is given, in hertz; the voice's own if not given."""


class How(Manner, total=False):
    """How, and from what: one of `seconds`, `audio` and `mel`."""

    seconds: float | None
    """How long, for a voice that needs nothing else."""
    audio: ArrayLike | None
    """[n], float within ±1 or int16."""
    mel: ArrayLike | None
    """[frames, bands]."""


def synthesis_of(voice: str, how: Manner) -> pb.Synthesis:
    """The message for a voice's name and a manner. Raises ValueError for a seed that cannot be sent."""
    if unknown := set(how) - set(How.__annotations__):
        raise TypeError(
            f"{', '.join(sorted(unknown))} is no argument; there are {', '.join(How.__annotations__)}"
        )
    seed = how.get("seed", 0)
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed is {seed}; it must be from 0 to 2^64 - 1")
    return pb.Synthesis(
        voice=voice,
        seed=seed,
        temperature=how.get("temperature"),
        correction=how.get("correction"),
        speaker=how.get("speaker", ""),
        first_sample=how.get("first_sample", 0),
    )


def conditioning_of(how: How) -> pb.Conditioning:
    """The message for what is given. Raises ValueError unless it is exactly one thing, of the right shape."""
    seconds, audio, mel = how.get("seconds"), how.get("audio"), how.get("mel")
    if sum(thing is not None for thing in (seconds, audio, mel)) != 1:
        raise ValueError("exactly one of seconds, audio and mel must be given")
    if seconds is not None:
        return pb.Conditioning(duration_seconds=seconds)
    if mel is not None:
        frames = np.asarray(mel, np.float32)
        if frames.ndim != 2:
            raise ValueError(f"mel has shape {list(frames.shape)}; it must be [frames, bands]")
        return pb.Conditioning(mel=pb.MelFrames(bands=frames.shape[1], values=frames.ravel()))
    samples = np.asarray(audio)
    form = audio_format(how)
    if samples.dtype == np.int16:
        form.sample_format = pb.SAMPLE_FORMAT_PCM16
    return pb.Conditioning(audio=pb.Audio(format=form, samples=pcm_of(samples, form.sample_format)))


def read_mel(path: str | Path) -> NDArray[np.float32]:
    """The mel frames [frames, bands] of a NumPy file. Raises OSError, or ValueError naming it if it is none."""
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a NumPy file of numbers: {error}") from error


def audio_format(how: Manner) -> pb.AudioFormat:
    """Float samples at the rate that is given."""
    return pb.AudioFormat(sample_format=pb.SAMPLE_FORMAT_FLOAT32, sample_rate=how.get("sample_rate", 0))


def pcm_of(samples: ArrayLike, sample_format: pb.SampleFormat.ValueType = pb.SAMPLE_FORMAT_FLOAT32) -> bytes:
    """The bytes of samples [n], float or int16, in a format. Raises ValueError for another shape."""
    array = np.asarray(samples)
    if array.ndim != 1:
        raise ValueError(f"audio has shape {list(array.shape)}; it must be one channel, [n]")
    if sample_format == pb.SAMPLE_FORMAT_PCM16:
        return array.astype("<i2").tobytes()
    if array.dtype == np.int16:
        array = array / 32768
    return array.astype("<f4").tobytes()


def chunk_of(chunk: pb.AudioChunk) -> Chunk:
    """The chunk that a message holds."""
    samples = np.frombuffer(chunk.audio, "<i2").astype(np.float32) / np.float32(32768)
    statistics = chunk.statistics if chunk.HasField("statistics") else None
    return Chunk(samples, chunk.audio, chunk.first_sample, chunk.sample_rate, statistics)
