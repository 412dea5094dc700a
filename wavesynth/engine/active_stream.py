"""A stream as the engine works on it: from input to frames, and from samples to audio.

What costs time is computed for many streams in one go, by the executor of the voice's sampler.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from itertools import accumulate, groupby, pairwise
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.companding import deemphasize
from wavesynth.audio.correction import correct
from wavesynth.audio.mel import features
from wavesynth.audio.pcm import pcm16
from wavesynth.audio.stage import Pipeline
from wavesynth.engine.pipeline import synthesis_stages
from wavesynth.engine.stream import EngineOutput, EngineStream, InputError, Statistics
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["ActiveStream", "Made", "Status", "attempt", "look_ahead", "make", "prepare"]

#: A stream's next chunk, None if it was made to be dropped, or why there is none.
Made = EngineOutput | Exception | None
T = TypeVar("T")


class Status(Enum):
    """How far a stream is."""

    WAITING = "no chunk of it is sent yet"
    JOINING = "its first chunk is being made beside the steps of the others"
    RUNNING = "it has its part in the steps of all"
    ENDED = "there is nothing more to make of it"


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
        """Samples that the next step makes of it."""
        self.joining = False
        """Whether its first chunk is made beside the steps of the others."""
        synthesis = synthesis_stages(loaded.voice, stream.request.correction)
        _, self.deemphasis, self.correction = synthesis
        self.pipeline = Pipeline(loaded.voice.hop, self.source.stages, synthesis)
        self.error: Exception | None = None
        """Why its input cannot be used."""
        self.asked = self.end = 0
        """Samples asked of `prepare`; where the samples that it promised end."""
        self._ready = 0  # samples that came out of the filters
        self._first_made: float | None = None

    @property
    def status(self) -> Status:
        """How far it is."""
        if self.stream.closed:
            return Status.ENDED
        if self.stream.first_chunk_sent:
            return Status.RUNNING
        return Status.JOINING if self.joining else Status.WAITING

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

    def emit(self, samples: NDArray[np.int16], end: int) -> EngineOutput | None:
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


def prepare(streams: Sequence[ActiveStream], samples: Sequence[int]) -> list[bool | Exception]:
    """Whether each stream's next samples, so many of it or those to its end, can be made now, or why it ends; its input
    is analysed as far as they need it."""
    wanted = list(zip(streams, samples, strict=True))
    _analyse((active, active.state.index, n) for active, n in wanted if active.error is None)
    return [attempt(active.ready, n) for active, n in wanted]


def look_ahead(streams: Sequence[ActiveStream]) -> None:
    """Analyses what the chunk after the prepared one needs, as far as there is input."""
    _analyse((active, active.end, active.asked) for active in streams if active.error is None)


def make(streams: Sequence[ActiveStream], sampled: NDArray[np.float32], ends: Sequence[int]) -> list[Made]:
    """What the samples [B, n] before samples `ends` complete of the audio of streams of one voice."""
    loaded = streams[0].loaded
    samples = correct(
        [active.correction for active in streams],
        list(deemphasize([active.deemphasis for active in streams], sampled)),
        [
            active.source.target_mel() for active in streams
        ],  # taken in any case, or a long stream would gather it
        [end == active.source.total for active, end in zip(streams, ends, strict=True)],
        loaded.sampler.executor,
    )
    whole, bounds = pcm16(np.concatenate(samples)), accumulate(map(len, samples), initial=0)
    ready = [whole[begin:end] for begin, end in pairwise(bounds)]
    return [attempt(active.emit, *given) for active, *given in zip(streams, ready, ends, strict=True)]


def _analyse(spans: Iterable[tuple[ActiveStream, int, int]]) -> None:
    """Analyses what each stream's samples, so many from an index, need; a stream notes why its input cannot be used."""
    for _, group in groupby(sorted(spans, key=_voice), _voice):
        pending = []
        for active, index, n in group:
            windows = attempt(active.source.pending_windows, index, n)
            if isinstance(windows, Exception):
                active.error = windows
            elif windows is not None:
                pending.append((active, windows))
        if pending:
            _compute_mel(pending)


def _compute_mel(pending: Sequence[tuple[ActiveStream, Tensor]]) -> None:
    """Gives streams of one voice the log-mel of the windows [f, window] that were due to each."""
    loaded = pending[0][0].loaded
    config, due = loaded.voice.mel, torch.cat([windows for _, windows in pending])
    parts: Sequence[Tensor] = [torch.zeros(0, config.bands)] * len(pending)
    if len(due):
        mel = attempt(loaded.sampler.executor, features, due, config=config)
        if isinstance(mel, Exception):
            for active, _ in pending:
                active.error = mel
            return
        parts = mel.split([len(windows) for _, windows in pending])
    for (active, _), part in zip(pending, parts, strict=True):
        active.error = attempt(active.source.accept_mel, part)


def _voice(span: tuple[ActiveStream, int, int]) -> str:
    return span[0].voice


def attempt(function: Callable[..., T], *arguments: Any, **others: Any) -> T | Exception:
    """What a function gives, or what it raises: a stream's error must not be its neighbours'."""
    try:
        return function(*arguments, **others)
    except Exception as error:
        return error
