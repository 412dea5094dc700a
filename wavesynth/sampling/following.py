"""The bits that a recording costs, by the C++ sampler: its classes are given to it instead of being drawn.

A sample depends on no more of the past than the receptive field. So a stretch of a recording is cut into pieces, which
are followed side by side as the samples of many streams are, each from a receptive field before its first sample on:

    stretch   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
    stream 0  ╶╶╶╶╶━━━━━━━━━━━━━━━
    stream 1               ╶╶╶╶╶╶╶╶━━━━━━━━━━━━━━━                        ╶ heard, ━ heard and scored
    stream 2                              ╶╶╶╶╶╶╶╶━━━━━━━━━━━━━━━

What a sample costs does not depend on the cuts, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wavesynth.sampling.backends.cpu import CpuSampler

__all__ = ["Frames", "follow"]

#: The conditioning [f, L, 2R] of frames by their numbers [f].
Frames = Callable[[NDArray[np.int64]], NDArray[np.float32]]

#: Frames of each stream that are followed in one call: those of all streams are in memory together.
_FRAMES_AT_ONCE = 10


def follow(
    sampler: CpuSampler, classes: NDArray[np.int32], frames: Frames, first: int, end: int
) -> NDArray[np.float32]:
    """The bits that the samples from `first` to `end` of a recording cost, given all before them: [end - first].

    `classes` [N] are the recording's, N >= end; `frames` gives the conditioning.
    """
    hop, history = sampler.weights.hop, sum(sampler.weights.dilations)
    # Pieces that are shorter than what must be heard before them cost more than they save.
    streams = max(1, min(sampler.batch, (end - first) // max(history, hop)))
    overlap, begin = -(-history // hop) * hop, max(0, first - history) // hop * hop
    length = -(-(end - begin + (streams - 1) * overlap) // (streams * hop)) * hop
    begins = begin + np.arange(streams) * (length - overlap)
    states = [sampler.weights.start() for _ in begins]
    for state, at in zip(states, begins.tolist(), strict=True):
        state.index, state.token = at, int(classes[at - 1]) if at else state.token
    given = np.pad(classes[:end], (0, max(0, int(begins[-1]) + length - end)))
    unscored = [first - begin, *[overlap] * (streams - 1)]
    bits = np.empty((streams, length), np.float32)
    for done in range(0, length, _FRAMES_AT_ONCE * hop):
        n = min(_FRAMES_AT_ONCE * hop, length - done)
        numbers = (begins[:, None] + done) // hop + np.arange(n // hop)
        conditioning = frames(np.minimum(numbers, (end - 1) // hop).ravel())
        conditioning = conditioning.reshape(streams, n // hop, *conditioning.shape[1:])
        now = np.stack([given[at : at + n] for at in (begins + done).tolist()])
        scored = done + n > min(unscored)
        made = sampler.follow(states, list(conditioning), now, scored)
        if scored:
            bits[:, done : done + n] = made
    parts = [costs[skipped:] for costs, skipped in zip(bits, unscored, strict=True)]
    return np.concatenate(parts)[: end - first]
