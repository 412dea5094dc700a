"""Which recordings are copied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["LONGEST_CLIP", "SHORTEST_CLIP", "Clip", "choose_clips"]

#: Seconds of the shortest recording that is copied: PESQ and STOI need some speech.
SHORTEST_CLIP = 1.0
#: Seconds to which a longer recording is cut.
LONGEST_CLIP = 6.0


@dataclass(frozen=True)
class Clip:
    """A recording, or the beginning of one."""

    name: str
    samples: NDArray[np.float32]
    """[N] within ±1."""
    whole: bool
    """Whether nothing was cut off."""


def choose_clips(recordings: Iterable[tuple[str, Tensor]], sample_rate: int, count: int) -> list[Clip]:
    """At most `count` clips, spread evenly over the recordings [N] in their order; always the same ones.

    Raises ValueError when there is none of at least SHORTEST_CLIP seconds.
    """
    longest = round(LONGEST_CLIP * sample_rate)
    clips = [
        Clip(name, samples[:longest].numpy(), len(samples) <= longest)
        for name, samples in recordings
        if len(samples) >= SHORTEST_CLIP * sample_rate
    ]
    if not clips:
        raise ValueError(f"there are no recordings of at least {SHORTEST_CLIP:g} s to copy")
    if len(clips) <= count:
        return clips
    return [clips[round(place)] for place in np.linspace(0, len(clips) - 1, count)]
