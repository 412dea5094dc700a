"""What a voice has heard: fingerprints of the recordings that it was trained on, and of those that it was chosen by.

PROVENANCE in a voice's folder has some words of each recording, half a second apart, at least eight of short ones. All
words of a recording that is to be judged are held against them, wherever it may begin: it is known again when it was
cut or coded differently, and also when it is a part, of some two seconds, of what was heard. No sound can be made of
them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from wavesynth.data.dataset import Recordings
from wavesynth.data.features import Track, untracked
from wavesynth.data.fingerprints import Words, bit_errors, fingerprint
from wavesynth.files import atomic_path

__all__ = ["PROVENANCE", "Provenance", "Use"]

PROVENANCE = "provenance.safetensors"
#: Trained on, or chosen by: what validation was for.
Use = Literal["train", "validation"]

#: Seconds between the words of a recording that is to be judged: half of it is the most that a kept word is missed by.
_HOP = 0.01
#: Seconds, at most, between the words that are kept of a recording, so that two seconds of it have `_COMPARED`.
_SPACING = 0.5
#: So many words are kept of a short recording, as far as it has them.
_FEWEST = 8
#: The share of one word's bits that may differ for its place to be tried.
_WORD = 0.16
#: The share of bits that may differ of all words that are then compared: less, because chance evens out over several.
_ALL = 0.12
#: Words that are compared, at least: fewer agree by chance.
_COMPARED = 4
#: The share of the shorter recording that they are spread over, at least,
_SHARE = 0.5
#: or seconds, if these are fewer: a part of a recording is enough to know it by.
_SECONDS = 1.5


@dataclass(frozen=True, eq=False)
class Provenance:
    """The kept words of recordings, end to end."""

    words: Words
    """[W]."""
    frames: NDArray[np.int32]
    """How many words each recording had, [recordings]; how many of them are kept follows from it."""
    uses: NDArray[np.int32]
    """What each was used for: its place in `Use`, [recordings]."""
    complete: bool = True
    """Whether these are all, also of what the voice began from."""

    @staticmethod
    def of(recordings: Iterable[Tensor], sample_rate: int, use: Use) -> Provenance:
        """Of recordings [N]; those too short for a word are nothing."""
        all_words = [fingerprint(waveform, sample_rate, _HOP) for waveform in recordings]
        all_words = [words for words in all_words if len(words)]
        kept = [words[:: _spacing(len(words))] for words in all_words]
        return Provenance(
            np.concatenate([*kept, np.zeros(0, np.uint32)]),
            np.array([len(words) for words in all_words], np.int32),
            np.full(len(all_words), get_args(Use).index(use), np.int32),
        )

    @staticmethod
    def unknown() -> Provenance:
        """That of a voice of which nothing says what it has heard."""
        return replace(Provenance.of((), 16000, "train"), complete=False)  # of any rate

    @staticmethod
    def of_folders(folders: Sequence[Recordings], track: Track = untracked) -> Provenance:
        """Of what was trained on, and chosen by, in prepared folders."""
        found = replace(Provenance.unknown(), complete=True)
        for use in get_args(Use):
            for folder in folders:
                recordings = track(folder.split(use), "Taking fingerprints", len(folder.files(use)))
                found += Provenance.of((waveform for _, waveform in recordings), folder.sample_rate, use)
        return found

    def __add__(self, other: Provenance) -> Provenance:
        """Both, each recording once for each use."""
        kept: dict[tuple[int, bytes], tuple[int, Words]] = {}
        for one in (self, other):
            for frames, use, start in zip(one.frames, one.uses, one._starts(), strict=True):
                words = one.words[start : start + _kept(int(frames))]
                kept.setdefault((int(use), words.tobytes()), (int(frames), words))
        return Provenance(
            np.concatenate([*(words for _, words in kept.values()), np.zeros(0, np.uint32)]),
            np.array([frames for frames, _ in kept.values()], np.int32),
            np.array([use for use, _ in kept], np.int32),
            self.complete and other.complete,
        )

    def _starts(self) -> NDArray[np.int64]:
        """Where the kept words of each recording begin."""
        counts = np.array([_kept(int(frames)) for frames in self.frames], np.int64)
        return counts.cumsum() - counts

    def use_of(self, waveform: Tensor, sample_rate: int) -> Use | None:
        """What a recording [N], or one that it is a part of or that is a part of it, was used for, if it was."""
        judged = fingerprint(waveform, sample_rate, _HOP)
        if not len(judged) or not len(self.words):
            return None
        spacings = np.array([_spacing(int(frames)) for frames in self.frames])
        counts = np.array([_kept(int(frames)) for frames in self.frames])
        starts = self._starts()
        of = np.repeat(np.arange(len(counts)), counts)  # [W]: the recording of each kept word
        uses = []
        for place, word in enumerate(judged):
            for kept in np.flatnonzero(bit_errors(self.words, word) <= _WORD):
                recording = of[kept]
                numbers = np.arange(counts[recording])
                places = place + (numbers - (kept - starts[recording])) * spacings[recording]
                inside = (places >= 0) & (places < len(judged))
                enough = min(_SECONDS / _HOP, _SHARE * min(len(judged), self.frames[recording]))
                if inside.sum() >= _COMPARED and inside.sum() * spacings[recording] >= enough:
                    theirs = self.words[starts[recording] + numbers[inside]]
                    if bit_errors(judged[places[inside]], theirs).mean() <= _ALL:
                        uses.append(int(self.uses[recording]))
        return get_args(Use)[min(uses)] if uses else None

    def save(self, folder: Path) -> None:
        """Writes it to a voice's folder."""
        arrays = {"words": self.words, "frames": self.frames, "uses": self.uses}
        with atomic_path(folder / PROVENANCE) as path:
            save_file(arrays, path, {"format": "1", "complete": json.dumps(self.complete)})

    @staticmethod
    def load(folder: Path) -> Provenance | None:
        """That of the voice in a folder; None if nothing says what it has heard. Raises ValueError if it is damaged."""
        path = folder / PROVENANCE
        if not path.exists():
            return None
        try:
            with safe_open(path, "np") as file:
                words, frames, uses = (file.get_tensor(name) for name in ("words", "frames", "uses"))
                return Provenance(words, frames, uses, bool(json.loads(file.metadata()["complete"])))
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged; it must be what wavesynth export wrote") from error


def _spacing(frames: int) -> int:
    """In words, between those that are kept of a recording that has so many."""
    return max(1, min(round(_SPACING / _HOP), frames // _FEWEST))


def _kept(frames: int) -> int:
    """How many words are kept of a recording that has so many."""
    return -(-frames // _spacing(frames))
