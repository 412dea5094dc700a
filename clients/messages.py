"""Between NumPy and the API's messages: a call's options, the chunks that come back, and their sizes."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wavesynth.audio.encodings import SampleFormat, bytes_of, pcm16_floats
from wavesynth.audio.pcm import as_samples
from wavesynth.audio.score import Score
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = [
    "Chunk",
    "SynthesisInput",
    "SynthesisOptions",
    "audio_format",
    "chunk_of",
    "float32_bytes",
    "join_chunks",
    "score_of",
    "synthesis_of",
    "text_format",
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
    words: tuple[pb.WordTiming, ...] = ()
    """Of a text, the words that begin in it."""
    marks: tuple[pb.MarkTiming, ...] = ()
    """Of a text with SSML, the marks that are reached in it."""


class SynthesisOptions(TypedDict, total=False):
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


class SynthesisInput(SynthesisOptions, total=False):
    """How, and from what: one of `seconds`, `audio`, `mel` and `text`."""

    seconds: float | None
    """How long, for a voice that needs nothing else."""
    audio: ArrayLike | None
    """[n], floating point within ±1, or integers, scaled by their type: see `wavesynth.audio.pcm.as_float`."""
    mel: ArrayLike | None
    """[frames, bands]."""
    text: str | Iterable[str] | AsyncIterable[str] | None
    """To be read aloud, for a voice that takes text. To be streamed it may be an iterator of its pieces, such as what a
    language model writes."""
    markup: Literal["plain", "ssml"]
    """How the text is written; plain if not given."""
    rate: float
    """How fast it is read, from 0.25 to 4, where 1 is as the voice learned it."""
    pitch: float
    """A factor of the fundamental frequency, from 0.5 to 2."""
    pronunciations: Mapping[str, str]
    """Words that are spoken in another way, each with its phonemes or with other words."""


#: How a text may be written, as the API calls it.
_MARKUPS = {"plain": pb.TEXT_MARKUP_PLAIN, "ssml": pb.TEXT_MARKUP_SSML}


def synthesis_of(voice: str, options: SynthesisOptions) -> pb.Synthesis:
    """The message for a voice's name and a call's options. Raises ValueError for a seed that cannot be sent."""
    if unknown := set(options) - set(SynthesisInput.__annotations__):
        raise TypeError(
            f"{', '.join(sorted(unknown))} is no argument; there are {', '.join(SynthesisInput.__annotations__)}"
        )
    seed = options.get("seed", 0)
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed is {seed}; it must be from 0 to 2^64 - 1")
    return pb.Synthesis(
        voice=voice,
        seed=seed,
        temperature=options.get("temperature"),
        correction=options.get("correction"),
        speaker=options.get("speaker", ""),
        first_sample=options.get("first_sample", 0),
    )


def audio_format(options: SynthesisOptions) -> pb.AudioFormat:
    """Float samples at the rate that is given."""
    return pb.AudioFormat(sample_format=pb.SAMPLE_FORMAT_FLOAT32, sample_rate=options.get("sample_rate", 0))


def text_format(options: SynthesisInput) -> pb.TextFormat:
    """How the text is to be read. Raises ValueError for another markup."""
    markup = options.get("markup", "plain")
    if markup not in _MARKUPS:
        raise ValueError(f"markup is {markup!r}; it must be {' or '.join(_MARKUPS)}")
    return pb.TextFormat(
        markup=_MARKUPS[markup],
        rate=options.get("rate"),
        pitch=options.get("pitch"),
        pronunciations=options.get("pronunciations"),
    )


def float32_bytes(samples: ArrayLike) -> bytes:
    """The bytes of samples [n] as floating point. Raises ValueError for another shape or scale."""
    return bytes_of(as_samples(samples), SampleFormat.FLOAT32)


def chunk_of(chunk: pb.AudioChunk) -> Chunk:
    """The chunk that a message holds."""
    statistics = chunk.statistics if chunk.HasField("statistics") else None
    return Chunk(
        pcm16_floats(chunk.audio),
        chunk.audio,
        chunk.first_sample,
        chunk.sample_rate,
        statistics,
        tuple(chunk.words),
        tuple(chunk.marks),
    )


def score_of(response: pb.ScoreResponse) -> Score:
    """The score that a message holds."""
    r = response
    frame_bits = np.array(r.frame_bits, np.float32)
    return Score(r.voice, r.speaker, r.arithmetic, r.sample_rate, r.hop, r.samples, r.bits, frame_bits)


def join_chunks(chunks: Sequence[Chunk]) -> Chunk:
    """The chunks of a call, one after the other, as one."""
    first, last = chunks[0], chunks[-1]
    pcm = b"".join(chunk.pcm for chunk in chunks)
    samples = np.concatenate([chunk.samples for chunk in chunks])
    words = tuple(word for chunk in chunks for word in chunk.words)
    marks = tuple(mark for chunk in chunks for mark in chunk.marks)
    return Chunk(samples, pcm, first.first_sample, first.sample_rate, last.statistics, words, marks)
