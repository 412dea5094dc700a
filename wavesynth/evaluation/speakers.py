"""Who is heard: recordings as points of which those of one speaker are near each other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.extras import extra

__all__ = ["speaker", "speaker_similarity"]


def speaker(recordings: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The speaker of recordings [N] at 16 kHz as a vector [256] of length 1: the mean over what each of them gives.

    Resemblyzer's network (Wan et al., "Generalized end-to-end loss for speaker verification", 2018), whose weights come
    with its package. Raises OSError when that is missing, ValueError when there is no speech in the recordings.
    """
    encoder, preprocess = _encoder()
    voiced = [preprocess(np.asarray(samples, np.float32)) for samples in recordings if np.any(samples)]
    vectors = [encoder.embed_utterance(samples) for samples in voiced if len(samples)]
    if not vectors:
        raise ValueError("there is no speech in the recordings")
    mean = np.mean(vectors, axis=0)
    return mean / np.linalg.norm(mean)


def speaker_similarity(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The cosine of the angle between two speakers: 1 for the same."""
    return float(one @ other)


@cache
def _encoder() -> tuple[Any, Any]:
    with extra("evaluate", "speaker similarity"):
        from resemblyzer import VoiceEncoder, preprocess_wav
    return VoiceEncoder("cpu", verbose=False), preprocess_wav
