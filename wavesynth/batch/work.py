"""The work itself, the same wherever it is done: an entry to segments, segments to audio, pieces to a whole."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.files import load
from wavesynth.clients.inputs import check_input
from wavesynth.clients.messages import read_mel, synthesis_of
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.engine import Engine
from wavesynth.engine.excerpt import heard_from, memories
from wavesynth.engine.pipeline import pipeline_of
from wavesynth.engine.requests import choose_voice
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.source import Source
from wavesynth.engine.stream import EngineStream, StreamError
from wavesynth.files import sentence, shown
from wavesynth.server.errors import RefusedError
from wavesynth.server.validation import Requests
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.voices.loaded import load_voices
from wavesynth.voices.voice import Voice, find_voices, load_voice

from .manifest import Entry
from .segments import Cut, cuts, join, seed_of

__all__ = ["Collector", "Made", "Segment", "Setting", "Synthesizer", "Whole", "by_length", "cut"]


@dataclass(frozen=True)
class Setting:
    """What the work is done with."""

    voices: str
    """Folder of voices."""
    backend: str = "cpu"
    together: int = 8
    """Segments that a core makes at once: one read of the weights serves them all."""


@dataclass(frozen=True)
class Segment:
    """A request of the API, and its place among those that make an output; or why there is none."""

    entry: str
    """The entry as JSON."""
    number: int = 0
    of: int = 1
    first: int = 0
    last: int = 0
    request: bytes = b""
    memory: bytes = b""
    """Of the voice's converter, float32, where the piece begins in the middle of a recording."""
    notes: str = ""
    """What is wrong with the input, though it could be used, a line each."""
    error: str = ""


@dataclass(frozen=True)
class Made:
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


def cut(entry: Entry, setting: Setting) -> list[Segment]:
    """The segments of an entry; one with an error if its input cannot be read."""
    line = entry.to_json()
    try:
        voice = _voice(setting.voices, entry.voice)
        synthesis = synthesis_of(
            entry.voice, {"seed": entry.seed, "temperature": entry.temperature, "speaker": entry.speaker}
        )
        if entry.audio is None:
            mel = None if entry.mel is None else read_mel(entry.mel)
            conditioning = check_input({"seconds": entry.seconds, "mel": mel}).conditioning()
            request = pb.StreamSynthesizeRequest(synthesis=synthesis, conditioning=conditioning)
            return [Segment(line, request=request.SerializeToString())]
        loaded = load(entry.audio, voice.sample_rate)
    except (OSError, ValueError, OverflowError) as error:
        return [Segment(line, error=sentence(error))]
    except MemoryError:
        return [Segment(line, error=f"{shown(entry.audio or entry.mel or '')} is too large for the memory")]
    waveform, notes = loaded.waveform, "\n".join(loaded.notes)
    recording, hop = waveform.numpy(), voice.hop
    places = cuts(recording, voice.sample_rate, pipeline_of(voice, voice.correction))
    memory = _memories(voice, waveform, [place.begin // hop for place in places])
    segments = []
    for number, place in enumerate(places):
        synthesis.seed = seed_of(entry.seed, number)
        synthesis.first_sample = place.first - place.begin
        audio = check_input(
            {"audio": recording[place.begin : place.end], "sample_rate": voice.sample_rate}
        ).conditioning()
        request = pb.StreamSynthesizeRequest(synthesis=synthesis, conditioning=audio)
        whole = (line, number, len(places), place.first, place.last, request.SerializeToString())
        segments.append(Segment(*whole, memory[number], notes))
    return segments


def _memories(voice: Voice, recording: Tensor, begins: Sequence[int]) -> list[bytes]:
    """What the voice's converter remembers when it has heard the recording up to where the pieces that begin at these
    frames are heard aright; nothing where they begin with the recording, and for voices without one."""
    if voice.converter is None or not any(begins):
        return [b""] * len(begins)
    later = [begin + heard_from(voice) for begin in begins if begin]
    found = iter(memories(voice, recording, later))
    return [next(found).numpy().tobytes() if begin else b"" for begin in begins]


class Synthesizer:
    """Makes segments' audio on one core with an engine of its own, `setting.together` of them at once.

    A segment's audio depends on its request alone: not on the others, nor on where it is made.
    """

    def __init__(self, setting: Setting) -> None:
        torch.set_num_threads(1)
        voices = load_voices(Path(setting.voices), setting.backend)
        self._requests = Requests((loaded.voice for loaded in voices.values()), float("inf"))
        self._together = setting.together
        self._changed = threading.Event()
        config = EngineConfig(chunk=480, waiting=setting.together)
        capacity = Capacity.of(setting.together, voices)
        self._engine = Engine(voices, capacity, config, lambda streams: self._changed.set())
        self._engine.__enter__()

    def close(self) -> None:
        """Ends the engine."""
        self._engine.__exit__(None, None, None)

    def __call__(self, segments: Iterable[Segment]) -> list[Made]:
        """The audio of `segments`, in the order in which it is finished."""
        waiting, made = deque(segments), []
        under_way: dict[EngineStream, tuple[Segment, list[bytes]]] = {}
        while waiting or under_way:
            while waiting and len(under_way) < self._together:
                segment = waiting.popleft()
                try:
                    under_way[self._open(segment)] = (segment, [])
                except RefusedError as error:
                    made.append(_made(segment, error=segment.error or str(error)))
            if under_way:
                self._changed.wait()
            self._changed.clear()
            for stream, (segment, audio) in list(under_way.items()):
                try:
                    chunks = stream.take()
                except StreamError as error:
                    del under_way[stream]
                    made.append(_made(segment, error=str(error)))
                    continue
                audio += [chunk.audio for chunk in chunks]
                if chunks and chunks[-1].statistics:
                    del under_way[stream]
                    rate = self._requests.voices[stream.request.voice].sample_rate
                    made.append(_made(segment, b"".join(audio), rate))
        return made

    def _open(self, segment: Segment) -> EngineStream:
        request = pb.StreamSynthesizeRequest.FromString(segment.request)
        checked, piece = self._requests.whole(request.synthesis, request.conditioning, live=False)
        if segment.memory:
            voice = self._requests.voices[checked.voice]
            checked = replace(checked, source=partial(_resumed, checked.source, voice, segment.memory))
        stream = self._engine.open(checked)
        if piece is not None:
            stream.push(piece)
        stream.finish()
        return stream


def _resumed(make: Callable[[], Source], voice: Voice, memory: bytes) -> Source:
    """A source that goes on with what the voice's converter remembers."""
    source, values = make(), torch.frombuffer(bytearray(memory), dtype=torch.float32)
    layers = 1 if voice.converter is None else voice.converter.config.layers
    source.resume(heard_from(voice), values.reshape(layers, 1, -1))
    return source


@dataclass(frozen=True)
class Whole:
    """An entry's audio, or why there is none."""

    entry: str
    samples: NDArray[np.int16]
    sample_rate: int
    error: str
    notes: str = ""


class Collector:
    """Gathers what is made until an entry is whole."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Made]] = {}

    def add(self, made: Made) -> Whole | None:
        """The whole that `made` was missing for, if any."""
        parts = self._parts.setdefault(made.entry, [])
        parts.append(made)
        if len(parts) < made.of:
            return None
        parts = sorted(self._parts.pop(made.entry), key=lambda part: part.number)
        if errors := [part.error for part in parts if part.error]:
            return Whole(made.entry, np.zeros(0, np.int16), 1, errors[0], made.notes)
        pieces = [np.frombuffer(part.pcm, "<i2") for part in parts]
        places = [Cut(0, 0, part.first, part.last) for part in parts]
        return Whole(made.entry, join(pieces, places), made.sample_rate, "", made.notes)


def _made(segment: Segment, pcm: bytes = b"", sample_rate: int = 1, error: str = "") -> Made:
    """What became of a segment; the input behind its end is dropped."""
    kept = pcm[: 2 * (segment.last - segment.first)] if segment.of > 1 else pcm
    place = (segment.number, segment.of, segment.first, segment.last)
    return Made(segment.entry, *place, kept, sample_rate, error, segment.notes)


@lru_cache
def _voice(folder: str, name: str) -> Voice:
    """The voice of an entry; its weights are not needed here, but they are small."""
    voices = (load_voice(path) for path in find_voices(folder).values())
    return choose_voice({voice.name: voice for voice in voices}, name)


def by_length(segments: Sequence[Segment]) -> list[Segment]:
    """Segments of about the same length side by side, so that those made together end together."""
    return sorted(segments, key=lambda segment: len(segment.request))
