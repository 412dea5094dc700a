"""The conditioning network, frame by frame as the mel arrives."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from wavesynth.models.wavenet import WaveNet

__all__ = ["StreamingConditioner", "check_mel"]


def check_mel(mel: Tensor, bands: int) -> None:
    """ValueError unless `mel` is [frames, bands] and finite."""
    if mel.dim() != 2 or mel.shape[1] != bands:
        raise ValueError(f"mel has shape {list(mel.shape)}; it must be [frames, {bands}]")
    if not np.isfinite(mel.numpy()).all():  # quicker than PyTorch's, for so few
        raise ValueError("mel has NaN or infinite values; it must be finite")


class StreamingConditioner:
    """Turns one stream's mel frames, in pieces of any size, into conditioning frames [f, L, 2R].

    A frame's conditioning needs the `mel_context` mel frames after it, so it comes that much later; `finish`
    gives the rest, as if silence followed. Each frame is computed by itself from its own window, so that the
    bits do not depend on how the mel was cut. With `deferred`, the windows [f, 1 + 2 * mel_context, bands] come
    themselves.

    Raises ValueError for a mel of the wrong width or with NaN or infinite values.
    """

    def __init__(self, model: WaveNet, silence: float, speaker: int | None = None) -> None:
        self._model = model
        self._speaker = None if speaker is None else torch.tensor([speaker])
        context = model.config.mel_context
        self._window = torch.full((context, model.config.mel_bands), silence)
        self._silence = silence
        self.deferred = False

    def push(self, mel: Tensor) -> Tensor:
        """The conditioning of the frames that `mel` [f, mel_bands] completes."""
        c = self._model.config
        check_mel(mel, c.mel_bands)
        track = torch.cat([self._window, mel])
        width = 1 + 2 * c.mel_context
        count = max(0, len(track) - width + 1)
        windows = (
            track.unfold(0, width, 1).transpose(1, 2) if count else track.new_zeros(0, width, c.mel_bands)
        )
        self._window = track[count:]
        if self.deferred:
            return windows
        if not count:
            return torch.empty(0, c.layers, 2 * c.residual)
        return torch.stack([self._frame(window) for window in windows])

    def finish(self) -> Tensor:
        """The conditioning of the last frames."""
        context = self._model.config.mel_context
        return self.push(torch.full((context, self._window.shape[1]), self._silence))

    @torch.inference_mode()
    def _frame(self, window: Tensor) -> Tensor:
        return self._model.conditioning(window[None], self._speaker)[0, 0]
