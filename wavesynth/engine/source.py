"""What a stream is conditioned on, as frames, made no further ahead than they are asked for.

So a whole clip costs no more time to its first sample than a microphone does. That is asked for in two steps,
`pending_windows` and `accept_mel`, between which the log-mel of many streams may be computed together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.mel import StreamingLogMel
from wavesynth.audio.resampling import StreamingResampler
from wavesynth.audio.stage import Pipeline, Reach
from wavesynth.engine.conditioning import StreamingConditioner
from wavesynth.engine.conversion import StreamingConverter
from wavesynth.sampling.windows import Windows
from wavesynth.voices.voice import Voice

__all__ = ["AudioSource", "DurationSource", "MelSource", "Source"]


class Source(ABC):
    """One stream's conditioning frames, in order; for one thread."""

    #: Samples altogether; None as long as more input may come.
    total: int | None = None

    def __init__(self, voice: Voice) -> None:
        self._hop = voice.hop
        self._mel_config = voice.mel

    @property
    def stages(self) -> list[Reach]:
        """What the input passes through, in order; nothing where there is none."""
        return []

    @abstractmethod
    def push(self, piece: Tensor) -> None:
        """Takes the next input; looks at it later."""

    @abstractmethod
    def finish(self) -> None:
        """Takes note that there will be no more input."""

    def pending_windows(self, index: int, n: int) -> Tensor | None:
        """Looks at as much more input as the `n` samples from `index` need; returns the samples under the windows of
        the frames that are to be analysed first, float64 [f, window], or None if it takes no input."""
        return None

    def accept_mel(self, mel: Tensor) -> None:
        """Takes the log-mel [f, bands] of the pending windows. Raises ValueError for what cannot be used."""
        raise TypeError("a stream that takes no input takes no log-mel")

    @abstractmethod
    def ready(self, index: int, n: int) -> int:
        """How many of the `n` samples from `index` can be made now: all, or those to the end, or none."""

    @abstractmethod
    def defer(self) -> None:
        """Leaves the conditioning network to the backend: called, if at all, before anything else."""

    def resume(self, frame: int, memory: Tensor) -> None:
        """Has frame number `frame` be converted with this memory (`StreamingConverter.resume`); called, if at all,
        before any input is given. Raises TypeError for a voice without one."""
        raise TypeError("memory was given to a stream without a converter")

    @abstractmethod
    def conditioning(self, index: int, n: int) -> Tensor | Windows:
        """The frames [F, L, 2R], or their windows if deferred, of `n` samples from `index` that `ready` promised.

        Those before are forgotten.
        """

    def target_mel(self) -> NDArray[np.float32]:
        """The log-mel frames [f, bands] that came since the last time this was asked: what the audio is to have."""
        return np.zeros((0, 0), np.float32)


class DurationSource(Source):
    """The same frame, for a given number of samples."""

    total: int

    def __init__(self, voice: Voice, speaker: int | None, samples: int) -> None:
        super().__init__(voice)
        self.total = samples
        self._voice, self._speaker, self._deferred = voice, speaker, False
        self._count = 0  # of the frames that were asked for last
        self._frames: Tensor | Windows = torch.zeros(0)

    @cached_property
    def _frame(self) -> Tensor:
        """[L, 2R], or a window without bands if deferred."""
        if self._deferred:
            return torch.zeros(1, 0)
        return self._voice.condition(None, self._speaker)

    def defer(self) -> None:
        """Leaves it to the backend: what it is given are windows without bands."""
        self._deferred = True

    def push(self, piece: Tensor) -> None:
        """Raises TypeError: it takes no input."""
        raise TypeError("a stream of a given duration takes no input")

    def finish(self) -> None:
        """Changes nothing: its end is known."""

    def ready(self, index: int, n: int) -> int:
        """All of them, or those to the end: every frame is the same."""
        return min(n, self.total - index)

    def conditioning(self, index: int, n: int) -> Tensor | Windows:
        """As many of it as `n` samples from `index` lie in."""
        count = (index + n - 1) // self._hop - index // self._hop + 1
        if count != self._count:
            self._count, frames = count, self._frame.expand(count, *self._frame.shape)
            self._frames = Windows(frames, self._speaker) if self._deferred else frames
        return self._frames


class _InputSource(Source):
    """Input in pieces of any size; a subclass says how they become frames."""

    def __init__(self, voice: Voice, speaker: int | None) -> None:
        super().__init__(voice)
        self._frames: deque[Tensor] = deque()  # [L, 2R] each, or what they are made of
        self._first = 0  # the number of the first of them
        self._conditioner = StreamingConditioner(voice, speaker)
        self._converting = None if voice.converter is None else StreamingConverter(voice.converter, voice.mel)
        self._speaker = speaker
        self._pieces: deque[Tensor] = deque()
        self._ended = False  # no more will be pushed
        self._over = False  # and all has been read
        self._ahead = Pipeline(voice.hop, self._frame_stages, ()).frames_ahead
        self._seen = 0  # log-mel frames of the input read so far
        self._samples = 0  # that it makes
        self._mel = [np.zeros((0, voice.mel.bands), np.float32)]
        self._nothing = torch.zeros(0, voice.mel.window, dtype=torch.float64)

    @property
    def _frame_stages(self) -> list[Reach]:
        """Those that take frames."""
        return [stage for stage in (self._converting, self._conditioner) if stage is not None]

    @property
    def stages(self) -> list[Reach]:
        return self._frame_stages

    def defer(self) -> None:
        self._conditioner.deferred = True

    def resume(self, frame: int, memory: Tensor) -> None:
        if self._converting is None:
            super().resume(frame, memory)
        else:
            self._converting.resume(frame, memory)

    def ready(self, index: int, n: int) -> int:
        end = index + n
        if self.total is not None:
            end = min(end, self.total)
        return end - index if self._first + len(self._frames) >= -(-end // self._hop) else 0

    def conditioning(self, index: int, n: int) -> Tensor | Windows:
        while self._first < index // self._hop:
            self._frames.popleft()
            self._first += 1
        count = (index + n - 1) // self._hop - self._first + 1
        frames = self._frames[0][None] if count == 1 else torch.stack([self._frames[i] for i in range(count)])
        return Windows(frames, self._speaker) if self._conditioner.deferred else frames

    def push(self, piece: Tensor) -> None:
        if len(piece):
            self._pieces.append(piece)

    def finish(self) -> None:
        self._ended = True

    def target_mel(self) -> NDArray[np.float32]:
        mel = np.concatenate(self._mel)
        self._mel = [mel[:0]]
        return mel

    def accept_mel(self, mel: Tensor) -> None:
        self._take_mel(mel if self._converting is None else self._converting.push(mel))
        if self._over and self.total is None:
            if self._converting is not None:
                self._take_mel(self._converting.finish())
            self._frames.extend(self._conditioner.finish())
            self.total = self._samples

    def _take_mel(self, mel: Tensor) -> None:
        """Takes the log-mel that is to be spoken."""
        self._frames.extend(self._conditioner.push(mel))  # which refuses what it cannot use
        self._mel.append(mel.numpy())

    def _read(self, index: int, n: int) -> list[Tensor]:
        """What is to be analysed for the `n` samples from `index`: a window, or a frame, for each frame of log-mel."""
        needed, found = -(-(index + n) // self._hop) + self._ahead, []
        while self._seen < needed and not self._over and (self._pieces or self._ended):
            self._over = not self._pieces
            found.append(self._rest() if self._over else self._next(needed - self._seen))
            self._seen += len(found[-1])
        return found

    def _take(self, count: int) -> Tensor:
        """At most `count` samples or frames of the first piece."""
        piece = self._pieces.popleft()
        if len(piece) > count:
            self._pieces.appendleft(piece[count:])
        return piece[:count]

    @abstractmethod
    def _next(self, frames: int) -> Tensor:
        """The windows, or the frames, of a little more of the input: of one piece, and no more than `frames` last."""

    @abstractmethod
    def _rest(self) -> Tensor:
        """The last windows, or frames."""


class MelSource(_InputSource):
    """Mel frames, pushed as [f, bands]."""

    def __init__(self, voice: Voice, speaker: int | None) -> None:
        super().__init__(voice, speaker)
        self._given: list[Tensor] = []

    def pending_windows(self, index: int, n: int) -> Tensor:
        """Nothing: it is log-mel already."""
        self._given += self._read(index, n)
        return self._nothing

    def accept_mel(self, mel: Tensor) -> None:
        """Takes none: what was given is log-mel already."""
        super().accept_mel(torch.cat(self._given or [mel]))
        self._given = []

    def _next(self, frames: int) -> Tensor:
        mel = self._take(frames)
        self._samples += self._hop * len(mel)
        return mel

    def _rest(self) -> Tensor:
        return torch.zeros(0, self._mel_config.bands)


class AudioSource(_InputSource):
    """Samples at `sample_rate` hertz, pushed as [n], float32 or int16; resampled if the voice has another rate."""

    def __init__(self, voice: Voice, speaker: int | None, sample_rate: int) -> None:
        super().__init__(voice, speaker)
        self._analysis = StreamingLogMel(voice.mel)
        self._step = max(1, self._hop * sample_rate // voice.sample_rate)
        other = sample_rate != voice.sample_rate
        self._resampler = StreamingResampler(sample_rate, voice.sample_rate) if other else None

    @property
    def stages(self) -> list[Reach]:
        """Those that take samples, too."""
        resampler = [] if self._resampler is None else [self._resampler]
        return [*resampler, self._analysis, *self._frame_stages]

    def pending_windows(self, index: int, n: int) -> Tensor:
        """The windows of the frames that the `n` samples from `index` need."""
        return torch.cat(self._read(index, n) or [self._nothing])

    def _next(self, frames: int) -> Tensor:
        samples = self._take(self._step * frames)
        if samples.dtype == torch.int16:
            samples = samples / 32768
        return self._analyse(self._resampler.push(samples) if self._resampler else samples)

    def _rest(self) -> Tensor:
        last = [self._analyse(self._resampler.finish())] if self._resampler else []
        return torch.cat([*last, self._analysis.rest()])

    def _analyse(self, samples: Tensor) -> Tensor:
        self._samples += len(samples)
        return self._analysis.windows(samples)
