"""Another voice, frame by frame as the log-mel arrives."""

from __future__ import annotations

import torch
from torch import Tensor

from wavesynth.models.converter import Converter
from wavesynth.synthesis.conditioning import check_mel

__all__ = ["Converting"]


class Converting:
    """Turns one stream's mel frames, in pieces of any size, into those of the voice's own speaker.

    What is said of a frame comes `look_ahead` frames later; `finish` gives the rest, as if silence followed. Each
    frame is computed by itself, so that the bits do not depend on how the mel was cut.

    Raises ValueError for a mel of the wrong width or with NaN or infinite values.
    """

    def __init__(self, converter: Converter, silence: float) -> None:
        self._converter, self._silence = converter, silence
        c = converter.config
        self._track = torch.full(
            (c.past, c.bands), silence
        )  # what the next frame hears, as far as it is known
        self._memory: Tensor | None = None

    @torch.inference_mode()
    def push(self, mel: Tensor) -> Tensor:
        """What is said of the frames that `mel` [f, bands] completes, [f', bands]."""
        c = self._converter.config
        check_mel(mel, c.bands)
        self._track = torch.cat([self._track, mel])
        said = [mel[:0]]
        while len(self._track) >= c.window:
            frame, self._memory = self._converter(self._track[None, : c.window], self._memory)
            said.append(frame[0].clamp(min=self._silence))
            self._track = self._track[1:]
        return torch.cat(said)

    def finish(self) -> Tensor:
        """What is said of the last frames."""
        c = self._converter.config
        return self.push(torch.full((c.look_ahead, c.bands), self._silence))
