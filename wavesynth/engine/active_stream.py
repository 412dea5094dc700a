"""A stream as the engine works on it: from input to frames, and from samples to audio.

What costs time is computed for many streams in one go, by the executor of the voice's sampler.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, groupby, pairwise
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.companding import Deemphasis, deemphasize
from wavesynth.audio.correction import SpectralCorrection, correct
from wavesynth.audio.mel import features
from wavesynth.audio.pcm import pcm16
from wavesynth.audio.stage import Pipeline, Sampling
from wavesynth.engine.stream import EngineOutput, EngineStream, InputError, Statistics
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["ActiveStream", "Made", "attempt", "look_ahead", "make", "prepare"]

#: A job's next chunk, None if it was made to be dropped, or why there is none.
Made = EngineOutput | Exception | None
T = TypeVar("T")


class ActiveStream:
    """A stream's state and filters; only the engine's thread touches it."""

    def __init__(self, stream: EngineStream, loaded: LoadedVoice) -> None:
        self.stream = stream
        self.loaded = loaded
        self.voice = stream.request.voice
        self.live = stream.request.live
        self.source = stream.request.source()
        if loaded.sampler.takes_windows:
            self.source.defer()
        self.state = loaded.sampler.start()
        self.n = 0
        """Samples that the next tick makes of it."""
        self.deemphasis = Deemphasis(loaded.voice.preemphasis)
        self.correction = SpectralCorrection(loaded.voice.mel, stream.request.correction)
        sampling = Sampling(loaded.voice.receptive_field)
        synthesis = sampling, self.deemphasis, self.correction
        self.pipeline = Pipeline(loaded.voice.hop, self.source.stages, synthesis)
        self.error: Exception | None = None
        """Why its input cannot be used."""
        self.asked = self.end = 0
        """Samples asked of `prepare`; where the samples that it promised end."""
        self._ready = 0  # samples that came out of the filters
        self._first_made: float | None = None

    @property
    def lead(self) -> int:
        """Samples that are still to be made before any can be handed out, in whole frames."""
        return max(0, self.pipeline.held_back - self.state.index)

    def ready(self, n: int) -> bool:
        """Whether the next `n` samples, or those to the end, can be made now, of the input analysed so far.

        Raises InputError when the input turns out to be empty, or shorter than what the caller has already.
        """
        if self.error is not None:
            raise self.error
        self.asked = n
        self.n = self.source.ready(self.state.index, n)
        self.end = self.state.index + self.n
        total, first = self.source.total, self.stream.request.first_sample
        if total == 0:
            raise InputError("the input is empty; it must have at least one sample")
        if total is not None and first >= total:
            raise InputError(f"first_sample is {first}; it must be below {total}, the samples of the whole")
        return self.n > 0

    def hand_out(self, samples: NDArray[np.int16], end: int) -> EngineOutput | None:
        """The chunk of the samples [n] that came out of the filters when `end` samples were drawn, None if there is
        none to hand out. Chunks come in order."""
        request, last = self.stream.request, end == self.source.total
        self._ready = ready = self._ready + len(samples)
        wanted = samples[max(0, len(samples) - max(0, ready - request.first_sample)) :]
        if not len(wanted):
            return None
        audio = request.encode(wanted, last)
        now = time.monotonic()
        self._first_made = self._first_made or now
        statistics = self._statistics(now, end) if last else None
        return EngineOutput(audio, ready - len(wanted), len(wanted), now, statistics)

    def _statistics(self, now: float, end: int) -> Statistics:
        started = self.stream.started
        seconds = end / self.loaded.voice.sample_rate
        return Statistics(
            end - self.stream.request.first_sample,
            (self._first_made or now) - started,
            seconds / max(now - started, 1e-9),
        )


def prepare(jobs: Sequence[ActiveStream], samples: Sequence[int]) -> list[bool | Exception]:
    """Whether each job's next samples, so many of it or those to its end, can be made now, or why it ends; its input is
    analysed as far as they need it."""
    wanted = list(zip(jobs, samples, strict=True))
    _analyse((job, job.state.index, n) for job, n in wanted if job.error is None)
    return [attempt(job.ready, n) for job, n in wanted]


def look_ahead(jobs: Sequence[ActiveStream]) -> None:
    """Analyses what the chunk after the prepared one needs, as far as there is input."""
    _analyse((job, job.end, job.asked) for job in jobs if job.error is None)


def make(jobs: Sequence[ActiveStream], sampled: NDArray[np.float32], ends: Sequence[int]) -> list[Made]:
    """What the samples [B, n] before samples `ends` complete of the audio of jobs of one voice."""
    loaded = jobs[0].loaded
    samples = correct(
        [job.correction for job in jobs],
        list(deemphasize([job.deemphasis for job in jobs], sampled)),
        [job.source.wanted() for job in jobs],  # taken in any case, or a long stream would gather it
        [end == job.source.total for job, end in zip(jobs, ends, strict=True)],
        loaded.sampler.executor,
    )
    whole, bounds = pcm16(np.concatenate(samples)), accumulate(map(len, samples), initial=0)
    ready = [whole[begin:end] for begin, end in pairwise(bounds)]
    return [attempt(job.hand_out, *given) for job, *given in zip(jobs, ready, ends, strict=True)]


def _analyse(spans: Iterable[tuple[ActiveStream, int, int]]) -> None:
    """Analyses what each job's samples, so many from an index, need; a job notes why its input cannot be used."""
    for _, group in groupby(sorted(spans, key=_voice), _voice):
        looked = []
        for job, index, n in group:
            windows = attempt(job.source.due, index, n)
            if isinstance(windows, Exception):
                job.error = windows
            elif windows is not None:
                looked.append((job, windows))
        if looked:
            _hear(looked)


def _hear(looked: Sequence[tuple[ActiveStream, Tensor]]) -> None:
    """Gives jobs of one voice the log-mel of the windows [f, window] that were due to each."""
    loaded = looked[0][0].loaded
    config, due = loaded.voice.mel, torch.cat([windows for _, windows in looked])
    parts: Sequence[Tensor] = [torch.zeros(0, config.bands)] * len(looked)
    if len(due):
        mel = attempt(loaded.sampler.executor, features, due, config=config)
        if isinstance(mel, Exception):
            for job, _ in looked:
                job.error = mel
            return
        parts = mel.split([len(windows) for _, windows in looked])
    for (job, _), part in zip(looked, parts, strict=True):
        job.error = attempt(job.source.analysed, part)


def _voice(span: tuple[ActiveStream, int, int]) -> str:
    return span[0].voice


def attempt(function: Callable[..., T], *arguments: Any, **others: Any) -> T | Exception:
    """What a function gives, or what it raises: a stream's error must not be its neighbours'."""
    try:
        return function(*arguments, **others)
    except Exception as error:
        return error
