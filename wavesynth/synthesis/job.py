"""One stream as the engine works on it: from input to frames, and from classes to audio."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from wavesynth.audio.companding import Deemphasis, decode
from wavesynth.audio.correction import SpectralCorrection
from wavesynth.audio.files import pcm16
from wavesynth.synthesis.samplers import Sampler
from wavesynth.synthesis.stream import Chunk, InputError, Statistics, Stream
from wavesynth.synthesis.voice import Voice

__all__ = ["Job", "LoadedVoice"]


@dataclass(frozen=True)
class LoadedVoice:
    """A voice and its sampler."""

    voice: Voice
    sampler: Sampler

    @cached_property
    def levels(self) -> NDArray[np.float64]:
        """The sample, still pre-emphasised, that each class stands for: [A]."""
        classes = self.voice.model.config.classes
        return decode(torch.arange(classes), classes).double().numpy()


class Job:
    """A stream's state and filters; only the engine's thread touches it."""

    def __init__(self, stream: Stream, loaded: LoadedVoice) -> None:
        self.stream = stream
        self.loaded = loaded
        self.voice = stream.request.voice
        self.live = stream.request.live
        self.source = stream.request.source()
        if loaded.sampler.conditions:
            self.source.defer()
        self.state = loaded.sampler.start()
        self.n = 0
        """Samples that the next tick makes of it."""
        self._deemphasis = Deemphasis(loaded.voice.preemphasis)
        passes = stream.request.correction
        self._correction = SpectralCorrection(loaded.voice.mel, passes) if passes else None
        self._ready = 0  # samples that came out of the filters
        self._first_made: float | None = None
        self._chunk = self._end = 0  # samples asked of `prepare`; where the samples that it promised end
        self._error: Exception | None = None

    def prepare(self, n: int) -> bool:
        """Analyses what the next `n` samples need; whether they, or those to the end, can be made now.

        Raises InputError when the input turns out to be empty, or shorter than what the caller has already.
        """
        if self._error is not None:
            raise self._error
        self._chunk = n
        self.n = self.source.prepare(self.state.index, n)
        self._end = self.state.index + self.n
        total, first = self.source.total, self.stream.request.first_sample
        if total == 0:
            raise InputError("the input is empty; it must have at least one sample")
        if total is not None and first >= total:
            raise InputError(f"first_sample is {first}; it must be below {total}, the samples of the whole")
        return self.n > 0

    def look_ahead(self) -> None:
        """Analyses what the chunk after the prepared one needs, as far as there is input."""
        try:
            self.source.prepare(self._end, self._chunk)
        except Exception as error:
            self._error = error  # for `prepare` to raise

    def chunk(self, classes: NDArray[np.int32], end: int) -> Chunk | None:
        """The audio that the classes [n] before sample `end` complete; None if there is none to hand out. Chunks come
        in order."""
        request, last = self.stream.request, end == self.source.total
        samples = self._deemphasis.push(self.loaded.levels[classes])
        mel = self.source.wanted()  # taken in any case, or a long stream would gather it
        if self._correction is not None:
            samples = self._correction.push(samples, mel)
            if last:
                samples = np.concatenate([samples, self._correction.finish()])
        self._ready = ready = self._ready + len(samples)
        wanted = pcm16(samples[max(0, len(samples) - max(0, ready - request.first_sample)) :])
        if not len(wanted):
            return None
        audio = request.encode(wanted, last)
        now = time.monotonic()
        self._first_made = self._first_made or now
        statistics = self._statistics(now, end) if last else None
        return Chunk(audio, ready - len(wanted), len(wanted), now, statistics)

    def _statistics(self, now: float, end: int) -> Statistics:
        started = self.stream.started
        seconds = end / self.loaded.voice.sample_rate
        return Statistics(
            end - self.stream.request.first_sample,
            (self._first_made or now) - started,
            seconds / max(now - started, 1e-9),
        )
