"""Voices with their samplers: what a server or a batch loads from a folder before it says anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wavesynth.sampling.backends.sampler import Sampler
from wavesynth.voices.folders import find_voices
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.voice import Voice, load_voice

__all__ = ["LoadedVoice", "load_voices"]


@dataclass(frozen=True)
class LoadedVoice:
    """A voice and its sampler."""

    voice: Voice
    sampler: Sampler


def load_voices(
    folder: Path, backend: str, threads: int = 1, max_streams: int | None = None, max_batch: int | None = None
) -> dict[str, LoadedVoice]:
    """The voices below `folder` by name, with their samplers: see `make_sampler`.

    Raises FormatError for one that is broken, ValueError when there are none or two of a name, or when the backend
    is none that this machine or a voice can have.
    """
    voices: dict[str, LoadedVoice] = {}
    for path in find_voices(folder).values():
        voice = load_voice(path)
        if voice.name in voices:
            raise ValueError(f"{path}: name is {voice.name!r}, which another voice in {folder} has")
        voices[voice.name] = LoadedVoice(voice, make_sampler(voice, backend, threads, max_streams, max_batch))
    if not voices:
        raise ValueError(
            f"{folder} holds no voices; a voice is a folder with voice.json and weights.safetensors"
        )
    return voices
