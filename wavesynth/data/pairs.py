"""Recordings beside their copies in other people's voices, as log-mel frames: what a converter is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from wavesynth.audio.mel import MelConfig
from wavesynth.data.dataset import Recordings
from wavesynth.data.features import FeatureSettings, Track, features, untracked
from wavesynth.data.split import Split

__all__ = ["Pair", "Pairs", "another_microphone"]

#: Standard deviation of an equaliser's knots, bels of power: as one microphone differs from another.
_EQUALISER = 0.24
#: Knots of an equaliser, evenly over the bands: so few that it is a slope here and a bump there, and no comb.
_KNOTS = 6
#: From and to which level is drawn, bels of power above the recording's: more often further away than nearer.
_LEVEL = (-1.0, 0.5)
#: From and to which power the floor of the noise is drawn, bels: from a quiet room to a loud one.
_FLOOR = (-4.4, -1.8)


class Pair(NamedTuple):
    """Crops of F frames, float32: `source` [B, past + F + look_ahead, bands], `target` [B, F, bands],
    and the number of the speaker of the target, int64 [B]."""

    source: Tensor
    target: Tensor
    speaker: Tensor


class Pairs:
    """All recordings of a split of prepared folders, each with `copies` copies (wavesynth.data.perturbation).

    `folders` are pairs of a speaker's number and a folder. Half of the random crops are speaker 0's, if there are
    others. A crop lies within one recording, and its neighbours beyond the recording's ends are silence; a recording
    that is shorter than a crop is followed by silence.
    """

    def __init__(
        self,
        folders: Sequence[tuple[int, str | Path]],
        split: Split,
        mel: MelConfig,
        *,
        copies: int,
        past: int = 0,
        look_ahead: int = 0,
        track: Track = untracked,
    ) -> None:
        self.config, self.past, self.look_ahead = mel, past, look_ahead
        self._voices: list[Tensor] = []  # [1 + copies, F, bands] for each recording, itself first
        speakers, contents = [], []
        for speaker, folder in folders:
            recordings = Recordings(folder)
            if not recordings.files(split):
                continue
            found = features(recordings, split, FeatureSettings(mel, copies=copies), track)
            self._voices += found.mel.split(found.lengths.tolist(), 1)
            speakers += [speaker] * len(found.lengths)
            contents.append(found.content)
        if not self._voices:
            names = ", ".join(str(folder) for _, folder in folders)
            raise ValueError(f"{names} have no recordings in their {split} split")
        self.content = " ".join(contents)  # a hash of each folder's recordings
        self._speakers = torch.tensor(speakers)
        self._weights = torch.tensor([voices.shape[1] for voices in self._voices], dtype=torch.float64)
        first = self._speakers == 0
        if first.any() and not first.all():
            self._weights[first] *= self._weights[~first].sum() / self._weights[first].sum()

    def batch(self, generator: Generator, size: int, frames: int) -> Pair:
        """Random crops, of recordings picked by their duration, each in one of its voices, through
        `another_microphone`."""
        picked = torch.multinomial(self._weights, size, replacement=True, generator=generator).tolist()
        crops = []
        for number in picked:
            voices = self._voices[number]
            first = int(torch.randint(max(1, voices.shape[1] - frames + 1), (), generator=generator))
            voice = int(torch.randint(len(voices), (), generator=generator))
            crops.append(self._cut(number, voice, first, frames))
        source, target = (torch.stack(rows) for rows in zip(*crops, strict=True))
        source = another_microphone(source, self.config.silence, generator)
        return Pair(source, target, self._speakers[picked])

    def count(self, frames: int) -> int:
        """How many crops `sequential` gives."""
        return sum(len(range(0, max(1, voices.shape[1] - frames + 1), frames)) for voices in self._voices)

    def sequential(self, frames: int, size: int) -> Iterator[Pair]:
        """All of the split once, in crops that do not overlap, the copies in turn."""
        places = [
            (number, 1 + (number + first // frames) % max(1, len(voices) - 1), first)
            for number, voices in enumerate(self._voices)
            for first in range(0, max(1, voices.shape[1] - frames + 1), frames)
        ]
        for start in range(0, len(places), size):
            some = places[start : start + size]
            source, target = zip(*(self._cut(*place, frames) for place in some), strict=True)
            numbers = [number for number, _, _ in some]
            yield Pair(torch.stack(source), torch.stack(target), self._speakers[numbers])

    def _cut(self, number: int, voice: int, first: int, frames: int) -> tuple[Tensor, Tensor]:
        voices = self._voices[number]
        around = (0, 0, self.past, self.look_ahead + frames)
        track = F.pad(voices[[voice, 0]], around, value=self.config.silence)
        source = track[0, first : first + self.past + frames + self.look_ahead]
        return source, track[1, self.past + first :][:frames]


def another_microphone(mel: Tensor, silence: float, generator: Generator) -> Tensor:
    """Log-mel frames [B, F, bands] at other levels, through equalisers, above some steady noise."""
    size, _, bands = mel.shape
    knots = torch.randn(size, 1, _KNOTS, generator=generator) * _EQUALISER
    gain = F.interpolate(knots, bands, mode="linear", align_corners=True)
    gain = gain + torch.empty(size, 1, 1).uniform_(*_LEVEL, generator=generator)
    floor = torch.empty(size, 1, 1).uniform_(*_FLOOR, generator=generator)
    grain = 0.5 + torch.rand(mel.shape, generator=generator)  # noise is never even
    # Features are half the logarithm of power, and one more (wavesynth.audio.mel).
    power = 10 ** (2 * mel + gain) + grain * 10**floor
    return (power.log10() / 2).clamp(min=silence)
