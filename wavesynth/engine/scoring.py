"""The bits that a recording costs under a voice, whatever its kind (`VoiceKind.bits`): stretch by stretch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.audio.pcm import as_float
from wavesynth.audio.resampling import resampled
from wavesynth.audio.score import Score
from wavesynth.checks import require_value
from wavesynth.engine.converted import conditioning_mel
from wavesynth.extras import extra
from wavesynth.voices.voice import Voice

__all__ = ["arithmetic_of", "check_length", "costs", "recording_of", "score"]

#: Seconds that are scored at a time: little beside them is heard twice, and whoever gives up is not long in the way.
STRETCH_SECONDS = 20


def arithmetic_of(voice: Voice, wanted: str = "") -> str:
    """The arithmetic in which a voice's likelihood is computed: the `wanted` one, or as it is served if that is empty.

    Raises ValueError for one that its kind does not have, and for a kind without a likelihood.
    """
    known = voice.likelihoods
    if not known:
        raise ValueError(f"voice {voice.name} is of kind {voice.kind}, which has no likelihood to score by")
    wanted = wanted or known[0]
    require_value("arithmetic", wanted, wanted in known, f"one of {', '.join(known)}")
    return wanted


def check_length(voice: Voice, samples: int) -> None:
    """Raises ValueError for a recording of fewer samples than a window of the log-mel has."""
    if samples < voice.mel.window:
        raise ValueError(
            f"audio has {samples} samples at {voice.sample_rate} hertz; "
            f"to be scored it must have at least a window of the log-mel, {voice.mel.window}"
        )


def recording_of(pieces: Sequence[NDArray[Any]], source: int, target: int) -> NDArray[np.float32]:
    """The pieces of a recording, int16 or float32, one after the other, from `source` to `target` hertz: [N] within
    ±1."""
    whole = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return resampled(as_float(whole).astype(np.float32, copy=False), source, target)


def costs(
    voice: Voice, samples: NDArray[np.float32], speaker: int | None, arithmetic: str, threads: int = 1
) -> Iterator[NDArray[np.float32]]:
    """The bits that each sample of a recording [N] at the voice's rate costs, [n] of one stretch after the other.

    Raises ValueError for a recording that is shorter than a window of the log-mel, and OSError, saying how to install
    it, where PyTorch is needed and missing.
    """
    check_length(voice, len(samples))
    mel = conditioning_mel(voice, samples)
    bits = partial(voice.of_kind.bits, voice, samples, mel, speaker)
    step = round(STRETCH_SECONDS * voice.sample_rate)
    spans = [(first, min(first + step, len(samples)), arithmetic) for first in range(0, len(samples), step)]
    with extra("torch", f"a score in {arithmetic}"):
        if min(threads, len(spans)) == 1:
            yield from (bits(*span) for span in spans)
            return
        with ThreadPoolExecutor(threads, "wavesynth-score") as pool:
            yield from pool.map(bits, *zip(*spans, strict=True))


def score(
    voice: Voice, samples: NDArray[np.float32], speaker: str = "", arithmetic: str = "", threads: int = 1
) -> Score:
    """The score of a recording [N] at the voice's rate, as one of its speakers would say it; on so many `threads`.

    Raises ValueError for a speaker or an arithmetic that the voice does not have, for a kind without a likelihood, and
    for a recording that is shorter than a window of the log-mel.
    """
    number = voice.speaker_number(speaker)
    arithmetic = arithmetic_of(voice, arithmetic)
    bits = np.concatenate(list(costs(voice, samples, number, arithmetic, threads)))
    who = "" if number is None else voice.speakers[number]
    return Score.of(voice.name, who, arithmetic, voice.sample_rate, voice.hop, bits)
