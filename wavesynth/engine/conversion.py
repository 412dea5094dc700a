"""The converter, frame by frame as the log-mel arrives."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.mel import MelConfig
from wavesynth.audio.stage import FrameReach
from wavesynth.engine.conditioning import check_mel
from wavesynth.engine.native_converter import converting
from wavesynth.models.converter import Converter

__all__ = ["StreamingConverter"]


class StreamingConverter(FrameReach):
    """Turns one stream's mel frames, in pieces of any size, into those of the voice's own speaker.

    A converted frame comes `look_ahead` frames after its source frame; `finish` gives the rest, as if silence followed.
    Each frame is computed by itself, so that the bits do not depend on how the mel was cut.

    A `Stage` (wavesynth.audio.stage), except that it remembers all frames since the stream began: `warm_up` leaves this
    memory out, and `wavesynth.engine.excerpt` hands it over.

    Raises ValueError for a mel of the wrong width or with NaN or infinite values.
    """

    def __init__(self, converter: Converter, mel: MelConfig) -> None:
        c = converter.config
        super().__init__(c.past, c.look_ahead, mel.hop)
        self._converter, self._silence = converter, mel.silence
        self._window = torch.full(
            (c.past, c.bands), self._silence
        )  # of the next frame, as far as it is known
        self._memory = np.zeros((c.layers, c.channels), np.float32)
        self._converted = 0  # frames
        self._resumed: tuple[int, Tensor] | None = None

    def resume(self, frame: int, memory: Tensor) -> None:
        """Converts the frame of this number with `memory` [layers, 1, channels], as if the frames that gave it had
        come before; for a piece that is cut out of a recording (wavesynth.engine.excerpt)."""
        self._resumed = (frame, memory)

    def push(self, mel: Tensor) -> Tensor:
        """The converted frames that `mel` [f, bands] completes, [f', bands]."""
        c = self._converter.config
        check_mel(mel, c.bands)
        track = torch.cat([self._window, mel])
        count = max(0, len(track) - c.window + 1)
        if not count:
            self._window = track
            return mel[:0]
        windows = track.unfold(0, c.window, 1).transpose(1, 2).contiguous().numpy()
        self._window = track[count:].clone()  # a view would keep the whole piece
        before = 0 if self._resumed is None else min(max(self._resumed[0] - self._converted, 0), count)
        made = [self._convert(windows[:before])] if before else []
        if self._resumed is not None and self._resumed[0] == self._converted:
            self._memory = self._resumed[1][:, 0].numpy()
        if before < count:
            made.append(self._convert(windows[before:]))
        return torch.from_numpy(np.concatenate(made))

    def _convert(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The next frames."""
        frames, self._memory = converting(self._converter, self._silence)(windows, self._memory)
        self._converted += len(frames)
        return frames

    def finish(self) -> Tensor:
        """The last converted frames."""
        c = self._converter.config
        return self.push(torch.full((c.look_ahead, c.bands), self._silence))
