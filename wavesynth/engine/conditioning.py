"""The conditioning network, frame by frame as the mel arrives."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from wavesynth.audio.stage import FrameReach
from wavesynth.voices.voice import Voice

__all__ = ["StreamingConditioner", "check_mel"]


def check_mel(mel: Tensor, bands: int) -> None:
    """ValueError unless `mel` is [frames, bands] and finite."""
    if mel.dim() != 2 or mel.shape[1] != bands:
        raise ValueError(f"mel has shape {list(mel.shape)}; it must be [frames, {bands}]")
    if not np.isfinite(mel.numpy()).all():  # quicker than PyTorch's, for so few
        raise ValueError("mel has NaN or infinite values; it must be finite")


class StreamingConditioner(FrameReach):
    """Turns one stream's mel frames, in pieces of any size, into conditioning frames [f, L, 2R].

    A frame's conditioning needs the `mel_context` mel frames after it, so it comes that much later; `finish`
    gives the rest, as if silence followed. Each frame is computed by itself from its own window, so that the
    bits do not depend on how the mel was cut. With `deferred`, the windows [f, 1 + 2 * mel_context, bands] come
    themselves. A `Stage` (wavesynth.audio.stage).

    Raises ValueError for a mel of the wrong width or with NaN or infinite values.
    """

    def __init__(self, voice: Voice, speaker: int | None = None) -> None:
        super().__init__(voice.mel_context, voice.mel_context, voice.hop)
        self._voice, self._speaker, self._silence = voice, speaker, voice.mel.silence
        self._window = torch.full((voice.mel_context, voice.mel_bands), self._silence)
        self.deferred = False

    def push(self, mel: Tensor) -> Tensor:
        """The conditioning of the frames that `mel` [f, mel_bands] completes."""
        bands = self._voice.mel_bands
        check_mel(mel, bands)
        track = torch.cat([self._window, mel])
        width = 1 + 2 * self._voice.mel_context
        count = max(0, len(track) - width + 1)
        windows = track.unfold(0, width, 1).transpose(1, 2) if count else track.new_zeros(0, width, bands)
        self._window = track[count:]
        if self.deferred:
            return windows
        if not count:
            return torch.zeros(0)
        return torch.stack([self._voice.condition(window, self._speaker) for window in windows])

    def finish(self) -> Tensor:
        """The conditioning of the last frames."""
        return self.push(torch.full((self._voice.mel_context, self._voice.mel_bands), self._silence))
