"""The memory that a piece of a recording needs so that, cut out, it is made as in the whole.

All stages but one see a limited stretch around a sample, which `Pipeline.before` and `Pipeline.after` give. A converter
remembers all frames since the recording began. So its memory is computed over the whole recording, which costs little
beside the sampling, and goes with the piece:

    recording  ──── read by the converter alone ─────┃─ before ─┃═══ the piece ═══┃─ after ─┃─────
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from wavesynth.engine.converted import converter_steps
from wavesynth.engine.pipeline import mel_pipeline
from wavesynth.voices.voice import Voice

__all__ = ["converter_memories", "first_whole_frame"]


def first_whole_frame(voice: Voice) -> int:
    """The first frame of a piece whose analysis window, with the frames that a converter sees before it, lies in the
    piece as a whole."""
    return mel_pipeline(voice).before // voice.hop


def converter_memories(
    voice: Voice, recording: NDArray[np.float32], frames: Iterable[int]
) -> list[NDArray[np.float32]]:
    """What the voice's converter remembers before each of `frames` of a recording [N] at the voice's rate, [layers,
    channels] each. The frames' numbers are at least 1, and in ascending order."""
    stops = list(frames)
    memories, done = {}, 0
    for made, memory in converter_steps(voice, recording, stops):
        done += len(made)
        memories[done] = memory
    return [memories[frame] for frame in stops]
