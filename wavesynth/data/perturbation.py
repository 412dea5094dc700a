"""Perturbed copies of recordings: the same words at the same times in other people's voices.

A network that is conditioned on such copies, and is to predict the recording itself, learns to take the words from
the features and the voice from its weights; so whoever speaks to it later comes out as the speaker it learned.
After Choi et al., "Neural analysis and synthesis" (NANSY), 2021, section 2.3: F0 and formants are moved and the
spectrum is shaped, at random, here through WORLD.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.files import read, write_flac
from wavesynth.audio.world import Speech, analyse, synthesise

__all__ = ["Perturbation", "copies", "copy_paths", "perturb"]

#: From and to which mean F0 copies have, hertz: from low men's to children's.
_F0 = (75.0, 330.0)
#: From and to which factor on the frequencies of formants: a man's are some 15 % below a woman's.
_FORMANTS = (0.75, 1.3)
#: Decibels to either side, at most, by which the spectrum is shaped at each knot.
_SHAPE = 8.0
#: Hertz of the knots: an octave apart, as one hears.
_KNOTS = np.array([0.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0])


@dataclass(frozen=True)
class Perturbation:
    """What is done to one copy."""

    f0: float
    """Geometric mean of the voiced frames, hertz."""
    formants: float
    """Factor on all frequencies of the spectral envelope."""
    shape: tuple[float, ...]
    """Decibels at _KNOTS; between them, linear in hertz."""

    @classmethod
    def of(cls, name: str, number: int) -> Perturbation:
        """That of copy `number` of the recording `name`: always the same one."""
        seed = int.from_bytes(hashlib.sha256(f"{name}/{number}".encode()).digest()[:8], "little")
        random = np.random.default_rng(seed)
        f0, formants = (float(np.exp(random.uniform(*np.log(limits)))) for limits in (_F0, _FORMANTS))
        return cls(f0, formants, tuple(random.uniform(-_SHAPE, _SHAPE, len(_KNOTS)).tolist()))


def perturb(speech: Speech, how: Perturbation, sample_rate: int) -> Speech:
    """Speech in another voice."""
    voiced = speech.f0 > 0
    f0 = speech.f0.copy()
    if voiced.any():
        f0[voiced] *= how.f0 / np.exp(np.log(f0[voiced]).mean())
    bins = speech.envelope.shape[1]
    hertz = np.linspace(0, sample_rate / 2, bins)
    gain = 10 ** (np.interp(hertz, _KNOTS, how.shape) / 10)
    envelope = np.exp(_stretched(np.log(speech.envelope), how.formants))
    return Speech(f0, envelope * gain, _stretched(speech.aperiodicity, how.formants))


def copies(folder: Path, name: str, waveform: Tensor, sample_rate: int, count: int) -> list[Tensor]:
    """`count` perturbed copies [N] of FOLDER/audio/NAME.flac, whose samples are `waveform` [N].

    They are kept in FOLDER/disturbed, and made where they are not there or older than the recording. Raises OSError
    when they cannot be written.
    """
    written = (folder / "audio" / f"{name}.flac").stat().st_mtime_ns
    speech = None
    made = []
    for number, path in enumerate(copy_paths(folder, name, count)):
        if not path.exists() or path.stat().st_mtime_ns < written:
            speech = speech or analyse(waveform.numpy(), sample_rate=sample_rate)
            changed = perturb(speech, Perturbation.of(name, number), sample_rate)
            samples = synthesise(changed, len(waveform), sample_rate)
            write_flac(path, samples / max(1.0, np.abs(samples).max(initial=0.0)), sample_rate)
        made.append(torch.from_numpy(read(path, sample_rate)))
    return made


def copy_paths(folder: Path, name: str, count: int) -> list[Path]:
    """Where `copies` keeps them."""
    return [folder / "disturbed" / f"{name}-{number}.flac" for number in range(count)]


def _stretched(frames: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Frames [T, bins] whose value at a frequency was at that frequency / factor; the last one goes on at the end."""
    last = frames.shape[1] - 1
    place = np.minimum(np.arange(last + 1) / factor, last)
    below = np.minimum(place.astype(int), last - 1)
    part = place - below
    return frames[:, below] * (1 - part) + frames[:, below + 1] * part
