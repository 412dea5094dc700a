"""Another voice, frame by frame as the log-mel arrives."""

from __future__ import annotations

import torch
from torch import Tensor

from wavesynth.audio.mel import MelConfig
from wavesynth.engine.conditioning import check_mel
from wavesynth.models.converter import Converter

__all__ = ["StreamingConverter"]


class StreamingConverter:
    """Turns one stream's mel frames, in pieces of any size, into those of the voice's own speaker.

    What is said of a frame comes `look_ahead` frames later; `finish` gives the rest, as if silence followed. Each
    frame is computed by itself, so that the bits do not depend on how the mel was cut.

    A `Stage` (wavesynth.audio.stage), but that it remembers all that it heard: `warm_up` leaves its memory out, which
    `wavesynth.engine.excerpt` hands over.

    Raises ValueError for a mel of the wrong width or with NaN or infinite values.
    """

    def __init__(self, converter: Converter, mel: MelConfig) -> None:
        self._converter, self._silence, self._hop = converter, mel.silence, mel.hop
        c = converter.config
        self._track = torch.full(
            (c.past, c.bands), self._silence
        )  # what the next frame hears, as far as it is known
        self._memory: Tensor | None = None
        self._said = 0  # frames
        self._resumed: tuple[int, Tensor] | None = None

    @property
    def look_ahead(self) -> int:
        """Samples that the frames last that it hears after a frame."""
        return self._converter.config.look_ahead * self._hop

    @property
    def warm_up(self) -> int:
        """Samples that the frames last that it hears before a frame; its memory is left out."""
        return self._converter.config.past * self._hop

    @property
    def start_up(self) -> int:
        """Samples up to the first frame that must be in before a frame comes out."""
        return self.look_ahead + 1

    def resume(self, frame: int, memory: Tensor) -> None:
        """Has the frame of this number be said with `memory` [layers, 1, channels], as if what gave it had been heard
        before; for a stretch that is cut out of a recording (wavesynth.engine.excerpt)."""
        self._resumed = (frame, memory)

    @torch.inference_mode()
    def push(self, mel: Tensor) -> Tensor:
        """What is said of the frames that `mel` [f, bands] completes, [f', bands]."""
        c = self._converter.config
        check_mel(mel, c.bands)
        self._track = torch.cat([self._track, mel])
        said = [mel[:0]]
        while len(self._track) >= c.window:
            if self._resumed is not None and self._said == self._resumed[0]:
                self._memory = self._resumed[1]
            frame, self._memory = self._converter(self._track[None, : c.window], self._memory)
            said.append(frame[0].clamp(min=self._silence))
            self._track = self._track[1:]
            self._said += 1
        return torch.cat(said)

    def finish(self) -> Tensor:
        """What is said of the last frames."""
        c = self._converter.config
        return self.push(torch.full((c.look_ahead, c.bands), self._silence))
