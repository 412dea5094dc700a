"""The bits that a recording costs a flow: the C++ sampler is given its samples instead of drawing them.

A sample depends on no more of the past than the receptive field. So a stretch is cut into pieces, which are followed
side by side as the samples of many streams are, each from a receptive field before its first sample on. What a sample
costs does not depend on the cuts, to the bit.
"""

from __future__ import annotations

import math
from weakref import WeakKeyDictionary

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wavesynth.audio.companding import class_width, preemphasised
from wavesynth.models.frame_flow_config import MEL_CONTEXT
from wavesynth.networks import Network
from wavesynth.sampling.backends.flow import FlowSampler
from wavesynth.sampling.windows import Windows
from wavesynth.voices.surroundings import surrounded
from wavesynth.voices.voice import Voice

__all__ = ["bits"]

#: Pieces that are followed side by side: as many as the kernel reads the weights once for.
_STREAMS = 8
#: Frames of each piece that are followed in one call.
_FRAMES_AT_ONCE = 50
#: By network, as long as there is the network.
_SAMPLERS: WeakKeyDictionary[Network, FlowSampler] = WeakKeyDictionary()


def bits(
    voice: Voice,
    samples: NDArray[np.float32],
    mel: NDArray[np.float32],
    first: int,
    end: int,
) -> NDArray[np.float32]:
    """The bits of the samples from `first` to `end` of a recording [N], given all before them: [end - first].

    Each counts as one of 256 μ-law classes, as a WaveNet's do: its density, times the width of a class there. The
    samples of a block share what it costs evenly.
    """
    hop, config = voice.hop, voice.config
    warm_up = -(-config.receptive_field // hop)
    frames = range(first // hop, -(-end // hop))
    # Pieces that are shorter than what must be heard before them cost more than they save.
    each = max(warm_up, -(-len(frames) // _STREAMS))
    pieces = frames[::each]
    begins = [max(0, at - warm_up) for at in pieces]
    length = warm_up + each  # frames of a piece, with what is heard before it
    offset, last = begins[0], begins[-1] + length
    before = min(offset, 1)  # pre-emphasis needs one more sample
    known = preemphasised(samples[offset * hop - before : last * hop], voice.preemphasis)[before:]
    known = np.pad(known, (0, (last - offset) * hop - len(known)))  # behind the recording's end
    told = surrounded(mel, offset, last, MEL_CONTEXT, voice.mel.silence)
    windows = sliding_window_view(told, 1 + 2 * MEL_CONTEXT, 0).transpose(
        0, 2, 1
    )  # [F, window, bands], a view
    sampler = _sampler_of(voice)
    states = [sampler.start() for _ in begins]
    for state, begin in zip(states, begins, strict=True):
        state.index = begin * hop
    nats = []
    for done in range(0, length, _FRAMES_AT_ONCE):
        spans = [
            slice(begin - offset + done, begin - offset + min(done + _FRAMES_AT_ONCE, length))
            for begin in begins
        ]
        heard = np.stack([known[span.start * hop : span.stop * hop] for span in spans])
        nats.append(sampler.follow(states, [Windows(windows[span], None) for span in spans], heard))
    blocks = np.concatenate(nats, 1)  # [pieces, length * J]
    per_hop = config.blocks_per_hop
    scored = [
        one[(at - begin) * per_hop :][: each * per_hop]
        for one, at, begin in zip(blocks, pieces, begins, strict=True)
    ]
    shared = np.concatenate(scored).astype(np.float64).repeat(config.block) / config.block
    skipped, count = first - frames.start * hop, end - first
    there = known[first - offset * hop :][:count]
    cost = shared[skipped:][:count] - np.log(class_width(np.abs(there.astype(np.float64))))
    return (cost / math.log(2)).astype(np.float32)


def _sampler_of(voice: Voice) -> FlowSampler:
    """The sampler of its weights, made once."""
    found = _SAMPLERS.get(voice.network)
    if found is None:
        found = _SAMPLERS[voice.network] = FlowSampler(voice.network)
    return found
