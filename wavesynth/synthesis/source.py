"""What a stream is conditioned on, as frames, made no further ahead than they are asked for.

So a whole clip costs no more time to its first sample than a microphone does: 880 samples of analysis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.mel import StreamingLogMel
from wavesynth.synthesis.conditioning import Conditioner, Windows
from wavesynth.synthesis.resampling import StreamingResampler
from wavesynth.synthesis.voice import Voice

__all__ = ["AudioSource", "DurationSource", "MelSource", "Source"]


class Source(ABC):
    """One stream's conditioning frames, in order; for one thread."""

    #: Samples altogether; None as long as more input may come.
    total: int | None = None

    def __init__(self, voice: Voice) -> None:
        self._hop = voice.model.config.hop
        self._frames: deque[Tensor] = deque()  # [L, 2R] each, or what they are made of
        self._first = 0  # the number of the first of them

    @abstractmethod
    def push(self, piece: Tensor) -> None:
        """Takes the next input; looks at it later."""

    @abstractmethod
    def finish(self) -> None:
        """Takes note that there will be no more input."""

    def prepare(self, index: int, n: int) -> int:
        """How many of the `n` samples from `index` can be made now: all, or those to the end, or none."""
        end = index + n
        while self._first + len(self._frames) < -(-end // self._hop) and self._advance():
            pass
        if self.total is not None:
            end = min(end, self.total)
        return end - index if self._first + len(self._frames) >= -(-end // self._hop) else 0

    def defer(self) -> None:
        """Leaves the conditioning network to the backend: called, if at all, before anything else."""
        return  # nothing to leave where there is no input

    def conditioning(self, index: int, n: int) -> Tensor | Windows:
        """The frames [F, L, 2R], or their windows if deferred, of `n` samples from `index` that `prepare` promised.

        Those before are forgotten.
        """
        while self._first < index // self._hop:
            self._frames.popleft()
            self._first += 1
        count = (index + n - 1) // self._hop - self._first + 1
        return torch.stack([self._frames[i] for i in range(count)])

    def wanted(self) -> NDArray[np.float32]:
        """The log-mel frames [f, bands] that came since the last time this was asked."""
        return np.zeros((0, 0), np.float32)

    @abstractmethod
    def _advance(self) -> bool:
        """Looks at a little more of the input; False if there is none."""


class DurationSource(Source):
    """The same frame, for a given number of samples."""

    def __init__(self, voice: Voice, speaker: int | None, samples: int) -> None:
        super().__init__(voice)
        self.total = samples
        of_speaker = None if speaker is None else torch.tensor([speaker])
        with torch.inference_mode():
            self._frame = voice.model.conditioning(speaker=of_speaker)[0, 0]

    def push(self, piece: Tensor) -> None:
        """Raises TypeError: it takes no input."""
        raise TypeError("a stream of a given duration takes no input")

    def finish(self) -> None:
        """Changes nothing: its end is known."""

    def _advance(self) -> bool:
        self._frames.append(self._frame)
        return True


class _InputSource(Source):
    """Input in pieces of any size; a subclass says how they become frames."""

    def __init__(self, voice: Voice, speaker: int | None) -> None:
        super().__init__(voice)
        self._conditioner = Conditioner(voice.model, voice.mel.silence, speaker)
        self._speaker = speaker
        self._pieces: deque[Tensor] = deque()
        self._ended = False
        self._samples = 0  # that the input seen so far makes
        self._mel = [np.zeros((0, voice.mel.bands), np.float32)]

    def defer(self) -> None:
        self._conditioner.deferred = True

    def conditioning(self, index: int, n: int) -> Tensor | Windows:
        frames = super().conditioning(index, n)
        return Windows(frames, self._speaker) if self._conditioner.deferred else frames  # type: ignore[arg-type]

    def push(self, piece: Tensor) -> None:
        if len(piece):
            self._pieces.append(piece)

    def finish(self) -> None:
        self._ended = True

    def wanted(self) -> NDArray[np.float32]:
        mel = np.concatenate(self._mel)
        self._mel = [mel[:0]]
        return mel

    def _condition(self, mel: Tensor) -> Tensor:
        """The frames [f, L, 2R] that the next log-mel frames complete."""
        conditioning = self._conditioner.push(mel)  # which refuses what it cannot use
        self._mel.append(mel.numpy())
        return conditioning

    def _take(self, count: int) -> Tensor:
        """At most `count` rows of the first piece."""
        piece = self._pieces.popleft()
        if len(piece) > count:
            self._pieces.appendleft(piece[count:])
        return piece[:count]

    def _advance(self) -> bool:
        if self._pieces:
            self._frames.extend(self._analyse())
        elif self._ended and self.total is None:
            self._frames.extend(self._analyse_rest())
            self.total = self._samples
        else:
            return False
        return True

    @abstractmethod
    def _analyse(self) -> Tensor:
        """Frames [f, L, 2R] that a little more of the input completes."""

    @abstractmethod
    def _analyse_rest(self) -> Tensor:
        """The last frames."""


class MelSource(_InputSource):
    """Mel frames, pushed as [f, bands]."""

    def _analyse(self) -> Tensor:
        self._samples += self._hop
        return self._condition(self._take(1))

    def _analyse_rest(self) -> Tensor:
        return self._conditioner.finish()


class AudioSource(_InputSource):
    """Samples at `sample_rate` hertz, pushed as [n], float32 or int16; resampled if the voice has another rate."""

    def __init__(self, voice: Voice, speaker: int | None, sample_rate: int) -> None:
        super().__init__(voice, speaker)
        self._analysis = StreamingLogMel(voice.mel)
        self._step = max(1, self._hop * sample_rate // voice.sample_rate)
        other = sample_rate != voice.sample_rate
        self._resampler = StreamingResampler(sample_rate, voice.sample_rate) if other else None

    def _analyse(self) -> Tensor:
        samples = self._take(self._step)
        if samples.dtype == torch.int16:
            samples = samples / 32768
        return self._hear(self._resampler.push(samples) if self._resampler else samples)

    def _analyse_rest(self) -> Tensor:
        last = [self._hear(self._resampler.finish())] if self._resampler else []
        return torch.cat([*last, self._condition(self._analysis.finish()), self._conditioner.finish()])

    def _hear(self, samples: Tensor) -> Tensor:
        self._samples += len(samples)
        return self._condition(self._analysis.push(samples))
