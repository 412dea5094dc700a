"""The work itself, the same wherever it is done: an entry to segments, segments to audio, pieces to a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.encodings import SampleFormat, pcm16_bytes, samples_of
from wavesynth.audio.files import load, read_mel
from wavesynth.audio.pcm import pcm16
from wavesynth.engine.excerpt import converter_memories, first_whole_frame
from wavesynth.engine.pipeline import pipeline_of
from wavesynth.engine.requests import AudioInput, DurationInput, MelInput, SynthesisRequest, TextInput
from wavesynth.engine.stream import StreamError
from wavesynth.engine.voice_choice import choose_voice
from wavesynth.files import sentence, shown
from wavesynth.synthesizer import Synthesizer
from wavesynth.text.options import TextOptions
from wavesynth.voices.loaded import read_voices
from wavesynth.voices.voice import Voice
from wavesynth.workers import one_torch_thread

from .manifest import Entry
from .segments import Cut, cuts, join, seed_of

__all__ = [
    "BatchOptions",
    "Collector",
    "EntryAudio",
    "Segment",
    "SegmentAudio",
    "SegmentWorker",
    "by_length",
    "cut",
]

#: Samples at 16 kHz of a chunk, to which nobody listens: so long that what a step costs by itself does not count.
_CHUNK = 480


@dataclass(frozen=True)
class BatchOptions:
    """What the work is done with."""

    voices: str
    """Folder of voices."""
    backend: str = "cpu"
    max_batch: int = 8
    """Segments that a core makes at once: one read of the weights serves them all."""


@dataclass(frozen=True)
class Segment:
    """What is to be made, and its place among the segments of an output; or why it cannot be made."""

    entry: str
    """The entry as JSON."""
    number: int = 0
    of: int = 1
    first: int = 0
    last: int = 0
    request: SynthesisRequest | None = None
    """Plain data, with the name of its voice."""
    notes: str = ""
    """What is wrong with the input, though it could be used, a line each."""
    error: str = ""


@dataclass(frozen=True)
class SegmentAudio:
    """A segment's audio, or why there is none."""

    entry: str
    number: int
    of: int
    first: int
    last: int
    pcm: bytes
    """16-bit, [last - first] samples."""
    sample_rate: int
    error: str
    notes: str


def cut(entry: Entry, options: BatchOptions) -> list[Segment]:
    """The segments of an entry; one with an error if its input cannot be read."""
    line = entry.to_json()
    try:
        voice = choose_voice(_voices(options.voices), entry.voice, entry.text is not None)
        if entry.text is not None:
            reading: Any = {"markup": entry.markup, "rate": entry.rate, "pitch": entry.pitch}
            given = TextInput(entry.text, TextOptions(**reading))
            return [Segment(line, request=_request(entry, voice, given))]
        if entry.seconds is not None:
            return [Segment(line, request=_request(entry, voice, DurationInput(entry.seconds)))]
        if entry.mel is not None:
            return [Segment(line, request=_request(entry, voice, MelInput(read_mel(entry.mel))))]
        loaded = load(entry.audio or "", voice.sample_rate)
    except (OSError, ValueError, OverflowError) as error:
        return [Segment(line, error=sentence(error))]
    except MemoryError:
        return [Segment(line, error=f"{shown(entry.audio or entry.mel or '')} is too large for the memory")]
    recording, notes = loaded.waveform, "\n".join(loaded.notes)
    hop = voice.hop
    pieces = cuts(recording, voice.sample_rate, pipeline_of(voice, voice.correction))
    memory = _memories(voice, recording, [piece.begin // hop for piece in pieces])
    segments = []
    for number, piece in enumerate(pieces):
        request = replace(
            _request(entry, voice, AudioInput(recording[piece.begin : piece.end], voice.sample_rate)),
            seed=seed_of(entry.seed, number),
            first_sample=piece.first - piece.begin,
            memory=memory[number],
        )
        segments.append(Segment(line, number, len(pieces), piece.first, piece.last, request, notes))
    return segments


def _request(
    entry: Entry, voice: Voice, given: DurationInput | MelInput | AudioInput | TextInput
) -> SynthesisRequest:
    return SynthesisRequest(
        given,
        voice=voice.name,
        speaker=entry.speaker,
        seed=entry.seed,
        temperature=entry.temperature,
        live=False,
    )


def _memories(voice: Voice, recording: NDArray[np.float32], begins: Sequence[int]) -> list[bytes]:
    """The converter's memory, as bytes, for each of the pieces that begin at these frames (wavesynth.engine.excerpt);
    empty for a piece that begins with the recording, and for voices without a converter."""
    if voice.converter_network is None or not any(begins):
        return [b""] * len(begins)
    later = [begin + first_whole_frame(voice) for begin in begins if begin]
    found = iter(converter_memories(voice, recording, later))
    return [next(found).tobytes() if begin else b"" for begin in begins]


class SegmentWorker:
    """Makes segments' audio on one core, `options.max_batch` of them at once.

    A segment's audio depends on its request alone: not on the others, nor on where it is made.
    """

    def __init__(self, options: BatchOptions) -> None:
        self._options = options
        self._voices = _voices(options.voices)
        self._synthesizers: dict[str, Synthesizer] = {}  # made when they are needed first
        self._pool = ThreadPoolExecutor(options.max_batch, "wavesynth-segment")

    def close(self) -> None:
        """Ends its threads."""
        self._pool.shutdown()
        for synthesizer in self._synthesizers.values():
            synthesizer.close()

    def __call__(self, segments: Iterable[Segment]) -> list[SegmentAudio]:
        """The audio of `segments`, in their order."""
        segments = list(segments)
        for name in {segment.request.voice for segment in segments if segment.request}:
            if name not in self._synthesizers:
                self._synthesizers[name] = self._synthesizer(name)
        return list(self._pool.map(self._make, segments))

    def _synthesizer(self, name: str) -> Synthesizer:
        o = self._options
        made = Synthesizer(
            self._voices[name], backend=o.backend, threads=1, max_streams=o.max_batch, chunk=_CHUNK
        )
        one_torch_thread()
        return made

    def _make(self, segment: Segment) -> SegmentAudio:
        if segment.request is None:
            return _made(segment, error=segment.error)
        synthesizer = self._synthesizers[segment.request.voice]
        try:
            samples = pcm16(synthesizer.make(segment.request))
        except (ValueError, StreamError) as error:
            return _made(segment, error=str(error))
        return _made(segment, pcm16_bytes(samples), synthesizer.sample_rate)


@dataclass(frozen=True)
class EntryAudio:
    """An entry's audio, or why there is none."""

    entry: str
    samples: NDArray[np.int16]
    sample_rate: int
    error: str
    notes: str = ""


class Collector:
    """Gathers what is made until an entry is whole."""

    def __init__(self) -> None:
        self._parts: dict[str, list[SegmentAudio]] = {}

    def add(self, made: SegmentAudio) -> EntryAudio | None:
        """The whole that `made` was missing for, if any."""
        parts = self._parts.setdefault(made.entry, [])
        parts.append(made)
        if len(parts) < made.of:
            return None
        parts = sorted(self._parts.pop(made.entry), key=lambda part: part.number)
        if errors := [part.error for part in parts if part.error]:
            return EntryAudio(made.entry, np.zeros(0, np.int16), 1, errors[0], made.notes)
        pieces = [samples_of(part.pcm, SampleFormat.PCM16) for part in parts]
        cuts_made = [Cut(0, 0, part.first, part.last) for part in parts]
        return EntryAudio(made.entry, join(pieces, cuts_made), made.sample_rate, "", made.notes)


def _made(segment: Segment, pcm: bytes = b"", sample_rate: int = 1, error: str = "") -> SegmentAudio:
    """What became of a segment; the input behind its end is dropped."""
    kept = pcm[: 2 * (segment.last - segment.first)] if segment.of > 1 else pcm
    place = (segment.number, segment.of, segment.first, segment.last)
    return SegmentAudio(segment.entry, *place, kept, sample_rate, error, segment.notes)


@lru_cache
def _voices(folder: str) -> dict[str, Voice]:
    """The voices by name; where entries are only cut their weights are not needed, but they are small."""
    return read_voices(Path(folder))


def by_length(segments: Sequence[Segment]) -> list[Segment]:
    """Segments of about the same length side by side, so that those made together end together."""
    return sorted(segments, key=_length)


def _length(segment: Segment) -> float:
    """Values of its input, or seconds."""
    match segment.request:
        case SynthesisRequest(input=AudioInput(samples=given) | MelInput(frames=given)):
            return 0.0 if given is None else float(np.size(given))
        case SynthesisRequest(input=DurationInput(seconds=seconds)):
            return seconds
        case SynthesisRequest(input=TextInput(text=text)):
            return float(len(text or ""))
    return 0.0
