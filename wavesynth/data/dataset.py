"""Prepared recordings as what a model is trained on: crops of μ-law classes with their log-mel frames."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import soundfile
import torch
from torch import Generator, Tensor

from wavesynth.audio.companding import PREEMPHASIS, encode
from wavesynth.audio.mel import MelConfig, log_mel
from wavesynth.data.augmentation import FASTEST, augment
from wavesynth.data.features import Features, FeatureSettings, Track, each, features, untracked
from wavesynth.data.perturbation import copies, copy_paths
from wavesynth.data.prepare import READABLE
from wavesynth.data.split import SPLITS, Split
from wavesynth.models.converter import Converter
from wavesynth.models.wavenet import start_token

__all__ = ["CropBatch", "Crops", "Recordings"]


#: Frames on each side of an augmented crop and its context: a window's half, and the beginning of a room's answer.
_SURROUNDINGS = 25


class Recordings:
    """A folder that `wavesynth prepare` made. Raises ValueError when it is not, or is not complete."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        description = self.path / "dataset.json"
        if not description.is_file():
            raise ValueError(
                f"{self.path} is not a prepared folder: it has no dataset.json (see wavesynth prepare)"
            )
        try:
            dataset = json.loads(description.read_bytes())
            found = dataset["format"]
            if found in READABLE:
                self.sample_rate = int(dataset["sample_rate"])
                self._files = [(str(f["stem"]), str(f["split"]), int(f["samples"])) for f in dataset["files"]]
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{description} is damaged ({error!r}); run wavesynth prepare again") from error
        if found not in READABLE:
            raise ValueError(
                f"{description} has format {found!r}; "
                f"it must be {' or '.join(map(str, READABLE))}: run wavesynth prepare again"
            )

    def split(self, name: Split) -> Iterator[tuple[str, Tensor]]:
        """The stem and the waveform, float32 [N], of each recording of a split, read one after the other."""
        for stem, samples in self.files(name):
            yield stem, self.waveform(name, stem, samples)

    def files(self, name: Split) -> list[tuple[str, int]]:
        """The stem of each recording of a split, and its samples."""
        if name not in SPLITS:
            raise ValueError(f"split is {name!r}; it must be one of {', '.join(SPLITS)}")
        return [(stem, samples) for stem, split, samples in self._files if split == name]

    def audio(self, name: Split, stem: str) -> Path:
        """The file of a recording of a split."""
        return self.path / "audio" / name / f"{stem}.flac"

    def waveform(self, name: Split, stem: str, samples: int) -> Tensor:
        """A recording of a split, float32 [samples]."""
        path = self.audio(name, stem)
        try:
            waveform, rate = soundfile.read(path, dtype="float32")
        except soundfile.LibsndfileError as error:
            raise ValueError(f"{path} cannot be read; run wavesynth prepare again") from error
        if waveform.shape != (samples,) or rate != self.sample_rate:
            raise ValueError(f"{path} is not what dataset.json says; run wavesynth prepare again")
        return torch.from_numpy(waveform)

    def copies(self, name: Split, stem: str, waveform: Tensor, count: int) -> list[Tensor]:
        """`count` copies [N] of a recording of a split in other people's voices (wavesynth.data.perturbation)."""
        return copies(self.path, f"{name}/{stem}", waveform, self.sample_rate, count)

    def copy_paths(self, name: Split, stem: str, count: int) -> list[Path]:
        """Where `copies` keeps them."""
        return copy_paths(self.path, f"{name}/{stem}", count)

    def require(self, name: Split, sample_rate: int) -> None:
        """ValueError unless a split has recordings of that rate."""
        if self.sample_rate != sample_rate:
            raise ValueError(
                f"{self.path} has a sample rate of {self.sample_rate} Hz; "
                f"it must be the mel configuration's {sample_rate}"
            )
        if not self.files(name):
            have = ", ".join(f"{len(self.files(split))} in {split}" for split in SPLITS)
            raise ValueError(
                f"{self.path} has no recordings in its {name} split ({have}); add some and run wavesynth prepare again"
            )


class CropBatch(NamedTuple):
    """Crops of F frames; T = F · hop.

    `tokens` int64 [B, T] are the model's input, one step late; `targets` int64 [B, T] what it is to predict;
    `mel` float32 [B, F + 2 · context, bands]; `speaker` int64 [B].
    """

    tokens: Tensor
    targets: Tensor
    mel: Tensor
    speaker: Tensor


class Crops:
    """All recordings of a split of one or more prepared folders, from which crops are cut.

    Each folder is a speaker, numbered as listed. Its recordings, each padded with zeros to whole frames so
    that the frame grid never drifts, are joined end to end; features are those of each recording on its own:

        track      |  recording a  |b|    recording c      |
        crop             [··a···]                              within a recording, where it is long enough
        crop                       [b···c··]                   and on into the next where it is not

    A recording is picked by its duration, and the crop uniformly within it. Everything random comes from the
    generator that is passed in, so a run that is resumed with its state sees the same crops.

    `context` is the number of frames on each side of a crop that its conditioning sees: the neighbours in the
    same recording, silence beyond its ends. A share of the random crops, `augmented`, is as another speaker or room
    might have made it (wavesynth.data.augmentation); their neighbours are those of the track.

    With `perturbed`, so many copies of each recording in other people's voices are made or found, and a crop's features
    are those of one of them, converted by `converter` if there is one, while its samples stay the recording's own.
    `reading` gives log-mel [F, bands] besides, of a folder and what was computed of it; a crop's features are as often
    these as any others.
    """

    def __init__(
        self,
        folders: Sequence[str | Path],
        split: Split,
        mel: MelConfig | None = None,
        *,
        context: int = 0,
        classes: int = 256,
        coefficient: float = PREEMPHASIS,
        augmented: float = 0.0,
        perturbed: int = 0,
        converter: Converter | None = None,
        reading: Callable[[Recordings, Split, Features], Tensor] | None = None,
        track: Track = untracked,
    ) -> None:
        self.config = mel or MelConfig()
        self.context, self.classes, self.coefficient, self.augmented = (
            context,
            classes,
            coefficient,
            augmented,
        )
        if not folders:
            raise ValueError("there are no folders to train on; there must be at least one")
        settings = FeatureSettings(
            self.config, not perturbed, perturbed, classes, coefficient, waveform=bool(augmented)
        )
        sets = [Recordings(folder) for folder in folders]
        for recordings in sets:
            recordings.require(split, self.config.sample_rate)
        found = [features(recordings, split, settings, track) for recordings in sets]
        self.split = split
        self.speakers = tuple(Path(folder).name for folder in folders)
        self.content = " ".join(one.content for one in found)  # hashes of all that it is learned from
        length = torch.cat([one.lengths for one in found])
        self.tokens = _joined([one.tokens for one in found if one.tokens is not None])  # [T]
        mel_frames = _joined([one.mel for one in found], 1)
        if converter is not None:
            mel_frames = _converted(mel_frames, length, converter, self.config, track)
        if reading is not None:
            read = torch.cat(
                [reading(recordings, split, one) for recordings, one in zip(sets, found, strict=True)]
            )
            mel_frames = torch.cat([mel_frames, read[None]])
            self.content += " " + hashlib.blake2b(read.numpy().tobytes(), digest_size=8).hexdigest()
        self.mel = mel_frames.flatten(0, 1)  # [copies · F, bands]
        waveforms = [one.waveform for one in found if one.waveform is not None]
        self.waveform = _joined(waveforms) if waveforms else None  # int16 [T]
        ends = length.cumsum(0)
        self.begin = (ends - length).repeat_interleave(length)  # [F]: where the frame's recording begins
        self.end = ends.repeat_interleave(length)  # [F]: and where it ends
        # [speakers]: the frame at which each one's track ends
        self.tracks = torch.tensor([int(one.lengths.sum()) for one in found]).cumsum(0)

    def __len__(self) -> int:
        """Number of frames in all."""
        return len(self.begin)

    def batch(self, generator: Generator, batch_size: int, frames: int) -> CropBatch:
        """Random crops of `frames` frames."""
        self._check_length(frames)
        picked = torch.randint(len(self), (batch_size,), generator=generator)
        begin, end = self.begin[picked], self.end[picked]
        # From the place in the recording, which is uniform, to a place where the crop still fits.
        fitting = (end - begin - frames + 1).clamp(min=1)
        start = begin + (picked - begin) * fitting // (end - begin)
        track_end = self.tracks[self._speaker(picked)]
        start = torch.minimum(start, track_end - frames)
        copies = len(self.mel) // len(self)
        copy = torch.randint(copies, (batch_size,), generator=generator) if copies > 1 else torch.zeros(1)
        batch = self._cut(start, frames, copy.long())
        if self.waveform is not None:
            for row in (
                torch.rand(batch_size, generator=generator).lt(self.augmented).nonzero()[:, 0].tolist()
            ):
                tokens, targets, features = self._augmented(int(start[row]), frames, generator)
                batch.tokens[row], batch.targets[row], batch.mel[row] = tokens, targets, features
        return batch

    def count(self, frames: int) -> int:
        """How many crops `sequential` gives."""
        return int((self.tracks.diff(prepend=torch.zeros(1, dtype=torch.long)) // frames).sum())

    def sequential(self, frames: int, batch_size: int = 1) -> Iterator[CropBatch]:
        """All of the split once, in order, in crops that do not overlap, with the perturbed copies in turn; what is
        left over at the end of a speaker's track is left out."""
        self._check_length(frames)
        begins = [0, *self.tracks[:-1].tolist()]
        starts = [
            torch.arange(begin, end - frames + 1, frames)
            for begin, end in zip(begins, self.tracks.tolist(), strict=True)
        ]
        for some in torch.cat(starts).split(batch_size):
            yield self._cut(some, frames, some // frames % (len(self.mel) // len(self)))

    def _cut(self, start: Tensor, frames: int, copy: Tensor) -> CropBatch:
        hop, context, first = self.config.hop, self.context, self.begin[start]
        at = start[:, None] * hop + torch.arange(-1, frames * hop)  # [B, 1 + T]
        sequence = self.tokens[at.clamp(min=0)].long()
        tokens = sequence[:, :-1].clone()
        tokens[start == first, 0] = start_token(self.classes)
        around = start[:, None] + torch.arange(-context, frames + context)  # [B, F + 2 · context]
        mel = self.mel[around.clamp(0, len(self) - 1) + copy[:, None] * len(self)]
        mel[(around < first[:, None]) | (around >= self.end[start + frames - 1][:, None])] = (
            self.config.silence
        )
        return CropBatch(tokens, sequence[:, 1:], mel, self._speaker(start))

    def _augmented(self, start: int, frames: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The crop that begins with frame `start`, augmented: tokens [T], targets [T], mel [F + 2 · context, bands]."""
        assert self.waveform is not None
        hop, before = self.config.hop, self.context + _SURROUNDINGS
        length = math.ceil((frames + 2 * before) * hop * FASTEST)
        first = start * hop - math.ceil(before * hop * FASTEST)
        source = torch.zeros(length)
        speaker = int(self._speaker(torch.tensor(start)))
        begin, end = (0, *(self.tracks * hop).tolist())[speaker : speaker + 2]
        inside = slice(max(begin, first), min(end, first + length))
        source[inside.start - first : inside.stop - first] = self.waveform[inside] / 32767
        augmented = augment(source, self.config.sample_rate, generator)[: (frames + 2 * before) * hop]
        sequence = encode(augmented, self.classes, self.coefficient)[before * hop - 1 :][: frames * hop + 1]
        features = log_mel(augmented, self.config)[_SURROUNDINGS:-_SURROUNDINGS]
        return sequence[:-1], sequence[1:], features

    def _speaker(self, frame: Tensor) -> Tensor:
        return torch.searchsorted(self.tracks, frame, right=True)

    def _check_length(self, frames: int) -> None:
        shortest = int(self.tracks.diff(prepend=torch.zeros(1, dtype=torch.long)).min())
        if not 1 <= frames <= shortest:
            raise ValueError(
                f"a crop has {frames} frames; it must have from 1 to {shortest}, as many as the "
                f"{self.split} split of each speaker has"
            )


def _joined(tensors: list[Tensor], dim: int = 0) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors, dim)


def _converted(mel: Tensor, lengths: Tensor, converter: Converter, config: MelConfig, track: Track) -> Tensor:
    """Features [copies, F, bands] of recordings of so many frames, as the converter converts each."""
    with torch.inference_mode(False):  # it is written by other threads, whatever mode this one is in
        converted, ends = torch.empty_like(mel), lengths.cumsum(0)

    def convert(number: int) -> None:
        place = slice(int(ends[number] - lengths[number]), int(ends[number]))
        converted[:, place] = converter.convert(mel[:, place].contiguous(), config.silence)

    each(convert, range(len(lengths)), "Converting", track)
    return converted
