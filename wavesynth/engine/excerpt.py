"""The memory that a piece of a recording needs so that, cut out, it is made as in the whole.

All stages but one see a limited stretch around a sample, which `Pipeline.before` and `Pipeline.after` give. A converter
remembers all frames since the recording began. So its memory is computed over the whole recording, which costs little
beside the sampling, and goes with the piece:

    recording  ──── read by the converter alone ─────┃─ before ─┃═══ the piece ═══┃─ after ─┃─────
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.audio.mel import log_mel
from wavesynth.engine.native_converter import converting
from wavesynth.engine.pipeline import mel_pipeline
from wavesynth.voices.voice import Voice

__all__ = ["converter_memories", "first_whole_frame"]

#: Frames that are converted at a time.
_BLOCK = 1024


def first_whole_frame(voice: Voice) -> int:
    """The first frame of a piece whose analysis window, with the frames that a converter sees before it, lies in the
    piece as a whole."""
    return mel_pipeline(voice).before // voice.hop


@torch.inference_mode()
def converter_memories(voice: Voice, recording: Tensor, frames: Iterable[int]) -> list[Tensor]:
    """What the voice's converter remembers before each of `frames` of a recording [N] at the voice's rate, [layers, 1,
    channels] each. The frames' numbers are at least 1, and in ascending order."""
    converter = voice.converter
    if converter is None:
        raise ValueError(f"voice {voice.name} has no converter, and so no memory")
    c = converter.config
    around = (0, 0, c.past, c.look_ahead)
    track = F.pad(log_mel(recording, voice.mel), around, value=voice.mel.silence)
    windows = track.unfold(0, c.window, 1).transpose(1, 2).numpy()  # [F, window, bands], a view
    convert = converting(converter, voice.mel.silence)
    found, memory, done = [], np.zeros((c.layers, c.channels), np.float32), 0
    for frame in frames:
        while (
            done < frame
        ):  # in blocks, so that an hour of audio does not hold all its overlapping windows at once
            block = np.ascontiguousarray(windows[done : min(frame, done + _BLOCK)])
            memory = convert(block, memory)[1]
            done += len(block)
        found.append(torch.from_numpy(memory)[:, None])
    return found
