"""What a stretch of a recording needs so that, cut out, it is made as in the whole: samples around it, and a memory.

All but a converter's memory reaches a known way. Of what was heard before that a converter remembers no end is known,
so its memory is computed over the whole recording, which is little beside the sampling, and goes with the stretch:

    recording  ──── heard by the converter alone ────┃─ before ─┃═══ the stretch ═══┃─ after ─┃─────
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.audio.correction import SpectralCorrection
from wavesynth.audio.mel import log_mel
from wavesynth.voices.voice import Voice

__all__ = ["Surroundings", "heard_from", "memories", "surroundings"]


@dataclass(frozen=True)
class Surroundings:
    """Samples of the recording around a stretch."""

    before: int
    """Until its first sample is made as in the middle of a recording: with the frames that the whole has, and with
    all behind it that the network and the correction see."""
    after: int
    """Until its last sample is as if the recording went on."""


def surroundings(voice: Voice, correction: int) -> Surroundings:
    """Those of a stretch of audio at the voice's rate, made with `correction` frames corrected jointly (0: none)."""
    mel, filtered = voice.mel, SpectralCorrection(voice.mel, correction)
    right = heard_from(voice) + voice.mel_context
    before = right * mel.hop + voice.receptive_field + filtered.warm_up
    # A sample is final when `look_ahead` samples, in whole hops, were made after it; those need frames ahead of them.
    later = filtered.look_ahead + mel.hop if correction else 0
    return Surroundings(before, later + voice.frames_ahead * mel.hop + mel.window - mel.window // 2)


def heard_from(voice: Voice) -> int:
    """The first frame of a stretch whose window, and whose past that a converter hears, lie in it as a whole."""
    windows = -(-(voice.mel.window // 2) // voice.mel.hop)
    return windows + (0 if voice.converter is None else voice.converter.config.past)


@torch.inference_mode()
def memories(voice: Voice, recording: Tensor, frames: Iterable[int]) -> list[Tensor]:
    """What the voice's converter remembers, [layers, 1, channels], before each of `frames`, of which each is at least 1
    and none before the one ahead of it, of a recording [N] at the voice's rate."""
    converter = voice.converter
    if converter is None:
        raise ValueError(f"voice {voice.name} has no converter, and so no memory")
    c = converter.config
    around = (0, 0, c.past, c.look_ahead)
    track = F.pad(log_mel(recording, voice.mel), around, value=voice.mel.silence)
    found, memory, done = [], None, 0
    for frame in frames:
        if frame > done:
            _, memory = converter(track[None, done : frame + c.window - 1], memory)
            done = frame
        assert memory is not None
        found.append(memory)
    return found
