"""The pipeline put together in Python, stage by stage: for every backend and every kind of voice.

What costs time is computed for many streams in one go, by the executor of the voice's sampler. A backend that draws
elsewhere, as on a GPU, is not waited for: its streams may be advanced again before the last step's samples are there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.companding import deemphasize
from wavesynth.audio.correction import correct
from wavesynth.audio.mel import features
from wavesynth.audio.pcm import pcm16
from wavesynth.audio.stage import Pipeline
from wavesynth.engine.excerpt import first_whole_frame
from wavesynth.engine.pipeline import synthesis_stages
from wavesynth.engine.plane import Advanced, InputError
from wavesynth.engine.source import AudioSource, DurationSource, MelSource, Source
from wavesynth.engine.steps import Step, attempt
from wavesynth.engine.stream import EngineRequest
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.voice import Voice

__all__ = ["STREAMS_AT_A_TIME", "ComposedPlane", "ComposedStream"]

#: So many streams are worked on before others get a turn. Fewer would gain little from being computed together
#: (wavesynth.audio.executor), and so many take some milliseconds.
STREAMS_AT_A_TIME = 256


class ComposedStream:
    """A stream's source, state and filters."""

    def __init__(self, request: EngineRequest, loaded: LoadedVoice) -> None:
        self.request = request
        self.source = _source_of(request, loaded.voice)
        if loaded.sampler.takes_windows:
            self.source.defer()
        self.state = loaded.sampler.start()
        synthesis = synthesis_stages(loaded.voice, request.correction)
        _, self.deemphasis, self.correction = synthesis
        self._pipeline = Pipeline(loaded.voice.hop, self.source.stages, synthesis)
        self.error: Exception | None = None
        """Why its input cannot be used."""
        self.under_way: Step | None = None
        """The last step that has a part of it."""
        self._out = 0  # samples that came out of the filters

    @property
    def index(self) -> int:
        """Samples drawn so far."""
        return int(self.state.index)

    @property
    def total(self) -> int | None:
        """Samples of the whole, once that is known."""
        return self.source.total

    @property
    def lead(self) -> int:
        """Samples that are still to be drawn before any come out, in whole frames."""
        return max(0, self._pipeline.held_back - self.index)

    def push(self, piece: NDArray[Any]) -> None:
        """Gives the next input."""
        self.source.push(torch.from_numpy(np.ascontiguousarray(piece)))

    def finish(self) -> None:
        """Says that there will be no more."""
        self.source.finish()

    def ready(self, n: int) -> int:
        """How many of the next `n` samples can be made of the input analysed so far. Raises InputError when the input
        turns out to be empty, or shorter than what the caller has already."""
        if self.error is not None:
            raise self.error
        can = self.source.ready(self.index, n)
        total, first = self.source.total, self.request.first_sample
        if total == 0:
            raise InputError("the input is empty; it must have at least one sample")
        if total is not None and first >= total:
            raise InputError(f"first_sample is {first}; it must be below {total}, the samples of the whole")
        return can

    def kept(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Of the samples [n] that came out of the filters, those that are not before the first wanted one."""
        self._out += len(samples)
        return samples[max(0, len(samples) - max(0, self._out - self.request.first_sample)) :]


class ComposedPlane:
    """A `DataPlane` of any voice and sampler."""

    batch: int | None = None

    def __init__(self, loaded: LoadedVoice) -> None:
        self.loaded = loaded
        self.sample_rate = loaded.voice.sample_rate
        self._lock = threading.Lock()  # a sampler is for one thread, and PyTorch gains little by more

    @property
    def depth(self) -> int:
        """A GPU has its next step before the last one's samples are sent, and so never waits."""
        return 2 if self.loaded.sampler.elsewhere else 1

    def open(self, request: EngineRequest) -> ComposedStream:
        """A stream. Raises what its source raises."""
        return ComposedStream(request, self.loaded)

    def ready(self, streams: Sequence[ComposedStream], n: Sequence[int]) -> list[int | Exception]:
        """How many of each stream's next samples can be made now; its input is analysed as far as they need it."""
        found: list[int | Exception] = []
        for at in range(0, len(streams), STREAMS_AT_A_TIME):
            some, counts = streams[at : at + STREAMS_AT_A_TIME], n[at : at + STREAMS_AT_A_TIME]
            with self._lock:
                wanted = zip(some, counts, strict=True)
                self._analyse((s, s.index, count) for s, count in wanted if s.error is None)
                found += [attempt(s.ready, count) for s, count in zip(some, counts, strict=True)]
        return found

    def advance(self, streams: Sequence[ComposedStream], n: int, alone: bool = False) -> Iterator[Advanced]:
        """Launches the next `n` samples of every stream; what comes out is waited for as it is read."""
        with self._lock:
            conditioning = [s.source.conditioning(s.index, n) for s in streams]
            states, params = [s.state for s in streams], [s.request.params for s in streams]
            ends = [s.index + n for s in streams]
            drawn = attempt(self.loaded.sampler.launch, states, conditioning, params, n)
            step = Step(streams)
        return self._results(streams, ends, drawn, step)

    def _results(
        self, streams: Sequence[ComposedStream], ends: Sequence[int], drawn: Any, step: Step
    ) -> Iterator[Advanced]:
        """What came out of each stream, `STREAMS_AT_A_TIME` at a time, in the order of its steps."""
        try:
            samples = attempt(drawn) if callable(drawn) else drawn
            step.wait_for_those_before()
            for at in range(0, len(streams), STREAMS_AT_A_TIME):
                some = slice(at, at + STREAMS_AT_A_TIME)
                made: Any = samples
                if not isinstance(samples, Exception):
                    with self._lock:
                        made = attempt(self._filter, streams[some], samples[some], ends[some])
                if isinstance(made, Exception):
                    made = [made] * len(streams[some])
                yield ends[some], made
        finally:
            step.done.set()

    def _filter(
        self, streams: Sequence[ComposedStream], sampled: NDArray[np.float32], ends: Sequence[int]
    ) -> list[NDArray[np.int16]]:
        """What the samples [B, n] before samples `ends` complete of the audio."""
        samples = correct(
            [s.correction for s in streams],
            list(deemphasize([s.deemphasis for s in streams], sampled)),
            [s.source.target_mel() for s in streams],  # taken in any case, or a long stream would gather it
            [end == s.source.total for s, end in zip(streams, ends, strict=True)],
            self.loaded.sampler.executor,
        )
        whole, bounds = pcm16(np.concatenate(samples)), accumulate(map(len, samples), initial=0)
        ready = [whole[begin:end] for begin, end in pairwise(bounds)]
        return [s.kept(some) for s, some in zip(streams, ready, strict=True)]

    def _analyse(self, spans: Iterable[tuple[ComposedStream, int, int]]) -> None:
        """Analyses what each stream's samples, so many from an index, need; a stream notes why its input cannot be
        used."""
        pending = []
        for s, index, n in spans:
            windows = attempt(s.source.pending_windows, index, n)
            if isinstance(windows, Exception):
                s.error = windows
            elif windows is not None:
                pending.append((s, windows))
        if pending:
            self._compute_mel(pending)

    def _compute_mel(self, pending: Sequence[tuple[ComposedStream, Tensor]]) -> None:
        """Gives streams the log-mel of the windows [f, window] that were due to each."""
        config, due = self.loaded.voice.mel, torch.cat([windows for _, windows in pending])
        parts: Sequence[Tensor] = [torch.zeros(0, config.bands)] * len(pending)
        if len(due):
            mel = attempt(self.loaded.sampler.executor, features, due, config=config)
            if isinstance(mel, Exception):
                for s, _ in pending:
                    s.error = mel
                return
            parts = mel.split([len(windows) for _, windows in pending])
        for (s, _), part in zip(pending, parts, strict=True):
            s.error = attempt(s.source.accept_mel, part)


def _source_of(request: EngineRequest, voice: Voice) -> Source:
    """The source of a request, which goes on with what the voice's converter remembers if it is given a memory."""
    if request.input == "duration":
        assert request.samples is not None
        return DurationSource(voice, request.speaker, request.samples)
    source: Source
    if request.input == "mel":
        source = MelSource(voice, request.speaker)
    else:
        source = AudioSource(voice, request.speaker, request.sample_rate or voice.sample_rate)
    if request.memory and voice.converter is not None:
        values = torch.frombuffer(bytearray(request.memory), dtype=torch.float32)
        source.resume(first_whole_frame(voice), values.reshape(voice.converter.config.layers, 1, -1))
    return source
