"""Which recordings are prompts: a voice reads aloud what they say, and is held against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wavesynth.data.dataset import Recordings
from wavesynth.evaluation.clips import LONGEST_CLIP, SHORTEST_CLIP, choose_clips

__all__ = ["Prompt", "prompts_of"]


@dataclass(frozen=True)
class Prompt:
    """A whole recording, and what is said in it."""

    name: str
    text: str
    samples: NDArray[np.float32]
    """[N] within ±1."""


def prompts_of(
    recordings: Recordings, transcripts: Mapping[str, str], count: int, split: str
) -> tuple[list[Prompt], str]:
    """At most `count` recordings of a split that are short enough to be copied whole and whose text is known; and of
    how many recordings, and why others are none, in words. `transcripts` are texts by recordings' names.

    Raises ValueError when the split has no recording of at least SHORTEST_CLIP seconds.
    """
    total = len(recordings.files(split))  # type: ignore[arg-type]
    clips = choose_clips(recordings.split(split), recordings.sample_rate, total)  # type: ignore[arg-type]
    whole = [clip for clip in clips if clip.whole]
    known = [Prompt(c.name, transcripts[c.name], c.samples) for c in whole if transcripts.get(c.name)]
    reasons = {
        f"shorter than {SHORTEST_CLIP:g} s": total - len(clips),
        f"longer than {LONGEST_CLIP:g} s": len(clips) - len(whole),
        "without a transcript": len(whole) - len(known),
    }
    left_out = ", ".join(f"{number} {reason}" for reason, number in reasons.items() if number)
    sentence = f"{len(known)} of {total} recordings of the {split} split" + (
        f"; left out are {left_out}" if left_out else ""
    )
    if len(known) > count:
        sentence += f"; the first {count} of them are read"
    return known[:count], sentence
