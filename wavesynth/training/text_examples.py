"""Batches of utterances for a text network: padded, and the long ones cut."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from wavesynth.models.text_config import PAUSES, TextConfig
from wavesynth.text.planning import frame_features, numbered, pitch_knots
from wavesynth.training.spoken import Recording
from wavesynth.training.task import Tensors

__all__ = ["NEAREST", "Scaling", "Utterances"]

#: The phoneme that each sounds most like: what recordings lack is learned from its neighbour.
_PAIRS = (
    "ʒʃ ʤʧ ʧʃ ʃs θf ðv ɾd ᵊə ᵻɪ ɜə ʌə əʌ ɔɑ ɑɔ ʊu uʊ ɪi iɪ ɛæ æɛ Aɛ Iɑ Oɔ Wɑ Yɔ ŋn "
    "mn nm bp pb dt td ɡk kɡ vf fv zs sz hf ji wu lɹ ɹl ?. !. …. ;, ,. .$ _, $. ^_"
)
NEAREST = {pair[0]: pair[1] for pair in _PAIRS.split()}
#: How often a phoneme stands for a neighbour that the recordings lack.
_SUBSTITUTED = 0.1
#: Steps of the decoder at a cut that do not count: what it sees is not all that it will see.
_EDGE = 8
#: A batch is of neighbours in length, among so many times its size, so that little of it is padding.
_POOL = 4
_OUTLYING = 3.0
#: Voiced frames that a phoneme has at least, and their share of it, if its pitch is to count.
_VOICED, _VOICED_SHARE = 2, 0.3


@dataclass(frozen=True)
class Scaling:
    """What a network's numbers mean: its buffers."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    silence: NDArray[np.float32]
    pitch_range: NDArray[np.float32]

    @classmethod
    def of_network(cls, network: nn.Module) -> Scaling:
        """That of a network which has learned."""
        return cls(*(np.asarray(getattr(network, one.name)) for one in fields(cls)))

    @classmethod
    def of(cls, recordings: Sequence[Recording]) -> Scaling:
        """Of recordings. Raises ValueError if they are not finite, or have no pauses or no voice."""
        frames = np.concatenate([one.mel for one in recordings])
        hertz = np.concatenate([one.hertz for one in recordings])
        pauses = np.concatenate(
            [np.repeat([token.symbol in PAUSES for token in one.tokens], one.durations) for one in recordings]
        )
        if not np.isfinite(frames).all() or not np.isfinite(hertz).all():
            raise ValueError("the recordings have NaN or infinite values; they must be finite")
        if not pauses.any() or not (hertz > 0).any():
            raise ValueError("the recordings have no pauses or no voiced frames; they must be speech")
        quiet = frames[pauses]
        quietest = quiet[np.argsort(quiet.mean(1))[: max(1, len(quiet) // 2)]]
        heights = np.log(hertz[hertz > 0])
        pitch = np.array([heights.mean(), max(float(heights.std()), 0.01)], np.float32)
        return cls(frames.mean(0), frames.std(0) + np.float32(1e-3), quietest.mean(0), pitch)


@dataclass(frozen=True)
class _Example:
    """An utterance as arrays: of phonemes [P], and of frames, an even number of them."""

    symbols: NDArray[np.int64]
    stress: NDArray[np.int64]
    clause: NDArray[np.int64]
    durations: NDArray[np.int64]
    prosody: NDArray[np.float32]
    voiced: NDArray[np.float32]
    index: NDArray[np.int64]
    features: NDArray[np.float32]
    target: NDArray[np.float32]


class Utterances:
    """The utterances of a split; `longest` frames of one at a time, at the most."""

    def __init__(
        self, recordings: Sequence[Recording], config: TextConfig, scaling: Scaling, longest: int
    ) -> None:
        if not recordings:
            raise ValueError("there are no recordings to learn from; there must be at least one")
        digest = hashlib.blake2b(digest_size=12)
        for one in recordings:
            digest.update(repr([one.stem, one.tokens]).encode() + one.durations.tobytes() + one.mel.tobytes())
        #: A hash of all that is learned from.
        self.content = digest.hexdigest()
        self.longest = longest // TextConfig.FRAMES * TextConfig.FRAMES
        self.frames = sum(len(one.mel) for one in recordings)
        examples = [_example(one, config, scaling) for one in recordings]
        self._examples = sorted(examples, key=lambda one: min(len(one.target), self.longest))
        present = {int(number) for one in examples for number in one.symbols}
        self._lacking = {
            known: number
            for number, symbol in enumerate(config.symbols)
            if number not in present
            and (neighbour := NEAREST.get(symbol)) in config.symbols
            and (known := config.symbols.index(str(neighbour))) in present
        }

    def __len__(self) -> int:
        return len(self._examples)

    def batch(self, generator: Generator, size: int) -> Tensors:
        """`size` random utterances of about one length."""
        pool = min(len(self), _POOL * size)
        begin = int(torch.randint(len(self) - pool + 1, (1,), generator=generator))
        chosen = begin + torch.randperm(pool, generator=generator)[:size]
        numbers = (chosen if pool >= size else begin + torch.arange(size) % pool).tolist()
        symbols, *others = self._together([self._examples[n] for n in numbers], generator)
        for known, lacking in self._lacking.items():
            stands = torch.rand(symbols.shape, generator=generator) < _SUBSTITUTED
            symbols = torch.where((symbols == known) & stands, lacking, symbols)
        return symbols, *others

    def sequential(self, size: int) -> Iterator[Tensors]:
        """All utterances once, from their beginnings on, in batches of at most `size`."""
        for first in range(0, len(self), size):
            yield self._together(self._examples[first : first + size], None)

    def _together(self, some: Sequence[_Example], generator: Generator | None) -> Tensors:
        """symbols, stress, clause, durations [B, P], prosody [B, P, 4], voiced [B, P], tokens [B, P], index [B, F],
        features [B, F, FEATURES], target [B, F, bands], steps [B, S, 1], counted [B, S], and seeds [B] of what training
        leaves out."""
        step = TextConfig.FRAMES
        cuts = []
        for one in some:
            frames = len(one.target)
            places = max(0, frames - self.longest) // step + 1
            first = int(torch.randint(places, (1,), generator=generator)) if generator is not None else 0
            cuts.append((first * step, min(frames, first * step + self.longest)))
        longest = max(end - begin for begin, end in cuts)
        steps, counted = torch.zeros(len(some), longest // step, 1), torch.zeros(len(some), longest // step)
        for row, (one, (begin, end)) in enumerate(zip(some, cuts, strict=True)):
            its = (end - begin) // step
            steps[row, :its] = 1
            counted[row, _EDGE if begin else 0 : its - (_EDGE if end < len(one.target) else 0)] = 1
        tokens = [np.ones(len(one.symbols), np.float32) for one in some]
        return (
            *(_padded([getattr(one, name) for one in some]) for name in _OF_PHONEMES),
            _padded(tokens),
            *(
                _padded([getattr(one, name)[begin:end] for one, (begin, end) in zip(some, cuts, strict=True)])
                for name in ("index", "features", "target")
            ),
            steps,
            counted,
            torch.randint(2**31, (len(some),), generator=generator),
        )


_OF_PHONEMES = ("symbols", "stress", "clause", "durations", "prosody", "voiced")


def _padded(arrays: Sequence[NDArray[np.generic]]) -> Tensor:
    longest = max(len(array) for array in arrays)
    padded = [np.pad(a, [(0, longest - len(a)), *[(0, 0)] * (a.ndim - 1)]) for a in arrays]
    return torch.from_numpy(np.stack(padded))


def _example(one: Recording, config: TextConfig, scaling: Scaling) -> _Example:
    symbols, stress, clause = numbered(one.tokens, config)
    frames, phonemes = len(one.mel), len(one.tokens)
    owner = np.repeat(np.arange(phonemes), one.durations)
    on = one.hertz > 0
    count = np.bincount(owner, weights=on, minlength=phonemes)
    voiced = (count >= _VOICED) & (count >= _VOICED_SHARE * one.durations)
    contour = _contour(one.hertz, scaling.pitch_range)
    index, features = frame_features(one.durations, contour)
    target = (one.mel - scaling.mean) / scaling.scale
    smooth = np.convolve(np.pad(contour, 1, mode="edge"), np.ones(3) / 3, "valid")
    pitch = np.interp(pitch_knots(one.durations), np.arange(frames) + 0.5, smooth)
    loud = np.bincount(owner, weights=target.mean(1), minlength=phonemes) / np.maximum(one.durations, 1)
    target = np.concatenate([target, target[-1:]])[: len(index)]
    prosody = np.column_stack([pitch, loud]).astype(np.float32)
    return _Example(
        symbols,
        stress,
        clause,
        one.durations,
        prosody,
        voiced.astype(np.float32),
        index,
        features,
        target.astype(np.float32),
    )


def _contour(hertz: NDArray[np.float32], pitch_range: NDArray[np.float32]) -> NDArray[np.float32]:
    """The height of pitch of each frame, without its single errors; between voiced frames it is interpolated."""
    at = np.flatnonzero(hertz > 0)
    if not len(at):
        return np.zeros(len(hertz), np.float32)
    heights = np.clip((np.log(hertz[at]) - pitch_range[0]) / pitch_range[1], -_OUTLYING, _OUTLYING)
    if len(heights) >= 5:
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(heights, 2, mode="edge"), 5)
        heights = np.median(windows, 1)
    return np.interp(np.arange(len(hertz)), at, heights).astype(np.float32)
