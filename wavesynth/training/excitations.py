"""Recordings as a harmonic voice learns from them: log-mel, and what WORLD hears of pitch and noise in each frame.

WORLD takes a sixth of a recording's duration, so what it heard is kept in DATASET/excitation/. That folder may be
deleted at any time; it comes back.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wavesynth.audio import world
from wavesynth.audio.mel import MelConfig, log_mel_of_array
from wavesynth.data.augmentation import augment
from wavesynth.data.dataset import Recordings
from wavesynth.data.features import Track
from wavesynth.data.processes import share_out
from wavesynth.data.split import Split
from wavesynth.extras import extra
from wavesynth.files import atomic_path
from wavesynth.models.harmonic_config import CONTEXT, HarmonicConfig
from wavesynth.training.configuration import DataConfig
from wavesynth.training.task import Tensors
from wavesynth.workers import cores

__all__ = ["Excitations", "Heard", "hear", "hear_folder"]

_VERSION = 1
#: Minutes of each folder that are learned from: how voices are excited differs more between speakers than within one.
MINUTES = 15
#: Frames before the one of which a window says what it is, and in all.
_BEFORE, _WINDOW = CONTEXT + 1, 1 + 2 * CONTEXT


class Heard(NamedTuple):
    """A recording of F frames, or several end to end."""

    mel: NDArray[np.float32]
    """[F, bands]."""
    hertz: NDArray[np.float32]
    """[F]: 0 where there is no voice."""
    noise: NDArray[np.float32]
    """[F, noises]: the share of the amplitude that is not periodic, from 0 to 1."""


def hear(waveform: Tensor, mel: MelConfig, noises: int, share: float = 0.0, seed: int = 0) -> Heard:
    """A recording [N], or by a chance of `share`, which `seed` decides, what another speaker or room might have made of
    it (wavesynth.data.augmentation)."""
    generator = Generator().manual_seed(seed)
    if float(torch.rand((), generator=generator)) < share:
        waveform = augment(waveform, mel.sample_rate, generator)
    samples = waveform.numpy()
    features = log_mel_of_array(samples, mel)
    hertz, noise = world.excitation(samples, noises, mel.hop, mel.sample_rate)
    frames = min(len(features), len(hertz))
    return Heard(features[:frames], hertz[:frames].astype(np.float32), noise[:frames].astype(np.float32))


def hear_folder(folder: str, split: Split, data: DataConfig, noises: int, track: Track) -> Path:
    """The file with what was heard of up to MINUTES of a split of a prepared folder, which is made if it is not there.

    Raises ValueError for recordings that are missing or of another rate; OSError, with a sentence, where pyworld is not
    installed.
    """
    recordings = Recordings(folder)
    recordings.require(split, data.mel.sample_rate)
    files, left = [], MINUTES * 60 * data.mel.sample_rate
    for stem, samples in random.Random(0).sample(recordings.files(split), len(recordings.files(split))):
        if left > 0:
            files.append((stem, samples))
            left -= samples
    share = data.augment if split == "train" else 0.0
    known = repr((_VERSION, files, data.mel, noises, share))
    name = hashlib.blake2b(known.encode(), digest_size=8).hexdigest()
    kept = recordings.path / "excitation" / f"{split}-{name}.npz"
    if kept.exists():
        return kept
    with extra("evaluate", "hearing the pitch of recordings"):
        import pyworld  # noqa: F401
    work = partial(_hear, recordings, split, data.mel, noises, share)
    # A process takes seconds to begin.
    results = share_out(work, list(enumerate(files)), min(cores(), 1 + len(files) // 10))
    heard = list(track(results, f"Hearing {folder}, {split}", len(files)))
    with atomic_path(kept) as path, path.open("wb") as file:
        whole = Heard(*map(np.concatenate, zip(*heard, strict=True)))
        lengths = np.array([len(one.mel) for one in heard])
        np.savez(file, lengths=lengths, mel=whole.mel, hertz=whole.hertz, noise=whole.noise)
    return kept


def _hear(
    recordings: Recordings,
    split: Split,
    mel: MelConfig,
    noises: int,
    share: float,
    which: tuple[int, tuple[str, int]],
) -> Heard:
    number, (stem, samples) = which
    return hear(recordings.waveform(split, stem, samples), mel, noises, share, number)


class Excitations:
    """The frames of a split of all folders: what is seen of each, and what it is (`wavesynth.models.harmonic`)."""

    def __init__(self, data: DataConfig, split: Split, config: HarmonicConfig, track: Track) -> None:
        tracks: list[NDArray[np.float32]] = []
        found: list[Heard] = []
        begins: list[NDArray[np.int64]] = []
        rows, digest = 0, hashlib.blake2b(digest_size=12)
        for _, folder in data.folders:
            kept = hear_folder(folder, split, data, config.noises, track)
            try:
                with np.load(kept) as file:
                    heard = Heard(*(file[field] for field in Heard._fields))
                    ends = np.cumsum(file["lengths"])
            except (OSError, ValueError, KeyError, BadZipFile) as error:
                raise ValueError(f"{kept} is damaged ({error}); delete it") from error
            digest.update(kept.name.encode() + heard.mel.tobytes() + heard.hertz.tobytes())
            found.append(heard)
            for mel in np.split(heard.mel, ends[:-1]):
                around = ((_BEFORE, _WINDOW - _BEFORE - 1), (0, 0))
                tracks.append(np.pad(mel, around, constant_values=data.mel.silence))
                begins.append(rows + np.arange(len(mel)))
                rows += len(tracks[-1])
        #: A hash of all that is learned from.
        self.content = digest.hexdigest()
        self._mel = torch.from_numpy(np.concatenate(tracks))
        self._begins = torch.from_numpy(np.concatenate(begins))
        hertz = np.concatenate([one.hertz for one in found])
        pitch = config.per_octave * np.log2(np.maximum(hertz, 1.0) / config.lowest)
        voiced = (hertz > 0) & (pitch >= 0) & (pitch <= config.pitches - 1)
        self._voiced = torch.from_numpy(voiced.astype(np.float32))
        self._pitch = torch.from_numpy(np.clip(pitch, 0, config.pitches - 1).astype(np.float32))
        self._noise = torch.from_numpy(np.concatenate([one.noise for one in found]))

    def __len__(self) -> int:
        return len(self._begins)

    def batch(self, generator: Generator, size: int) -> Tensors:
        """`size` random frames: what is seen of each [size, 1 + 2 * CONTEXT, bands], whether it is voiced [size], its
        pitch [size], its noise [size, noises]."""
        return self._frames(torch.randint(len(self), (size,), generator=generator))

    def sequential(self, size: int) -> Iterator[Tensors]:
        """All frames once, in batches of at most `size`."""
        yield from map(self._frames, torch.arange(len(self)).split(size))

    def _frames(self, numbers: Tensor) -> Tensors:
        seen = self._mel[self._begins[numbers, None] + torch.arange(_WINDOW)]
        return seen, self._voiced[numbers], self._pitch[numbers], self._noise[numbers]
