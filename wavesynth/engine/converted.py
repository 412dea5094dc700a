"""The log-mel of a whole recording, as a voice is told it: by way of its converter, if it has one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wavesynth.audio.mel import log_mel_of_array
from wavesynth.engine.native_converter import converting, native_converter
from wavesynth.voices.voice import Voice

__all__ = ["conditioning_mel", "converter_steps"]

#: Frames that are converted at a time.
_BLOCK = 1024


def conditioning_mel(voice: Voice, recording: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """What `voice` is told to say of a recording [N] at its rate, [ceil(N / hop), bands]; None for a voice that takes
    no log-mel. PyTorch is not needed where the C++ kernels were built."""
    if not voice.takes_mel:
        return None
    if voice.converter_network is None:
        return log_mel_of_array(recording, voice.mel)
    frames = voice.mel.frames(len(recording))
    return np.concatenate([made for made, _ in converter_steps(voice, recording, [frames])])


def converter_steps(
    voice: Voice, recording: NDArray[np.float32], stops: list[int]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """The frames [f, bands] that the voice's converter makes of a recording [N] at the voice's rate, some at a time,
    and what it remembers after them, [layers, channels]. They end before each frame of `stops`, in ascending order, and
    with the last of these.

    Raises ValueError for a voice without a converter.
    """
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
    memory, done = np.zeros((c.layers, c.channels), np.float32), 0
    for stop in stops:
        while done < stop:  # in blocks, so that an hour does not hold all its overlapping windows at once
            block = np.ascontiguousarray(windows[done : min(stop, done + _BLOCK)])
            made, memory = convert(block, memory)
            done += len(block)
            yield made, memory
