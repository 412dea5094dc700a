"""The memory that a piece of a recording needs so that, cut out, it is made as in the whole.

All stages but one see a limited stretch around a sample, which `Pipeline.before` and `Pipeline.after` give. A converter
remembers all frames since the recording began. So its memory is computed over the whole recording, which costs little
beside the sampling, and goes with the piece:

    recording  ──── read by the converter alone ─────┃─ before ─┃═══ the piece ═══┃─ after ─┃─────
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wavesynth.audio.mel import log_mel_of_array
from wavesynth.engine.native_converter import converting, native_converter
from wavesynth.engine.pipeline import mel_pipeline
from wavesynth.voices.voice import Voice

__all__ = ["converter_memories", "first_whole_frame"]

#: Frames that are converted at a time.
_BLOCK = 1024


def first_whole_frame(voice: Voice) -> int:
    """The first frame of a piece whose analysis window, with the frames that a converter sees before it, lies in the
    piece as a whole."""
    return mel_pipeline(voice).before // voice.hop


def converter_memories(
    voice: Voice, recording: NDArray[np.float32], frames: Iterable[int]
) -> list[NDArray[np.float32]]:
    """What the voice's converter remembers before each of `frames` of a recording [N] at the voice's rate, [layers,
    channels] each. The frames' numbers are at least 1, and in ascending order."""
    network = voice.converter_network
    if network is None:
        raise ValueError(f"voice {voice.name} has no converter, and so no memory")
    c = network.config
    around, silence = ((c.past, c.look_ahead), (0, 0)), np.float32(voice.mel.silence)
    track = np.pad(log_mel_of_array(recording, voice.mel), around, constant_values=silence)
    windows = sliding_window_view(track, c.window, 0).transpose(0, 2, 1)  # [F, window, bands], a view
    try:
        convert = native_converter(network.weights, voice.mel.silence).frames
    except ImportError:  # it was not built
        convert = converting(network.module, voice.mel.silence)
    found, memory, done = [], np.zeros((c.layers, c.channels), np.float32), 0
    for frame in frames:
        while (
            done < frame
        ):  # in blocks, so that an hour of audio does not hold all its overlapping windows at once
            block = np.ascontiguousarray(windows[done : min(frame, done + _BLOCK)])
            memory = convert(block, memory)[1]
            done += len(block)
        found.append(memory)
    return found
