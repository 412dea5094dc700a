"""Voices with their samplers: what a server or a batch loads from a folder before it says anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import TypeVar

from wavesynth.formats import FormatError, read_folders
from wavesynth.sampling.backends.sampler import Sampler
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.voice import Voice, load_voice

__all__ = ["LoadedVoice", "load_voices", "read_voices"]

T = TypeVar("T", default=Voice)


@dataclass(frozen=True)
class LoadedVoice:
    """A voice and its sampler."""

    voice: Voice
    sampler: Sampler


def read_voices(
    folder: Path,
    left_out: Callable[[FormatError], None] | None = None,
    load: Callable[[Path], T] = load_voice,  # type: ignore[assignment]
) -> dict[str, T]:
    """The voices below `folder` by name, or what `load` makes of their folders.

    Raises FormatError for one that is broken or whose name another has; but with `left_out`, that is told so, and the
    other voices are read if there are any. Raises ValueError when there are none.
    """
    voices = read_folders(folder, "voice.json", load, left_out)
    if not voices:
        raise ValueError(
            f"{folder} holds no voices; a voice is a folder with voice.json and weights.safetensors"
        )
    return {name: voice for name, (voice, _) in voices.items()}


def load_voices(
    folder: Path,
    backend: str,
    threads: int = 1,
    max_streams: int | None = None,
    max_batch: int | None = None,
    left_out: Callable[[FormatError], None] | None = None,
) -> dict[str, LoadedVoice]:
    """The voices below `folder` as `read_voices` has them, with their samplers: see `make_sampler`.

    Raises ValueError too when the backend is none that this machine or a voice can have.
    """
    return {
        name: LoadedVoice(voice, make_sampler(voice, backend, threads, max_streams, max_batch))
        for name, voice in read_voices(folder, left_out).items()
    }
