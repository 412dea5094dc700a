"""The pipeline around a sampler that makes conditioning frames itself: that of WaveNets on a GPU, or that of
flows and of harmonic voices.

A stream's bookkeeping is in C++, as that of `NativePlane` (native_plane.py); the log-mel and the corrections are
computed where the sampler says (spectra.py), for all streams of a step together. In between a step crosses Python as a
few arrays, and no stream by itself. `ComposedPlane` (composed_plane.py) defines what comes out, to the byte.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate, compress, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.engine.native_plane import has_analysis, make_plane, open_stream, ready_streams, unusable
from wavesynth.engine.plane import Advanced
from wavesynth.engine.spectra import DeviceSpectra, ProcessorSpectra, Spectra
from wavesynth.engine.steps import Step, attempt
from wavesynth.sampling.backends.kernel import KernelSampler
from wavesynth.sampling.windows import Tracks
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.wavenet import WaveNetVoice

if TYPE_CHECKING:
    from wavesynth.engine.stream import EngineRequest
    from wavesynth.kernels.cpu import DeviceStep, PlaneStream
    from wavesynth.sampling.params import SamplingParams

__all__ = ["DevicePlane", "DeviceStream", "makes_frames"]

#: Streams that one call advances best where several cores call.
_BATCH = 4
#: Streams whose samples are filtered before others get a turn: what is filtered together costs less, and comes later.
_STREAMS_AT_A_TIME = 512


def makes_frames(loaded: LoadedVoice) -> bool:
    """Whether the voice's sampler makes conditioning frames itself, and the kernels have its analysis."""
    voice, sampler = loaded.voice, loaded.sampler
    # A kernel's, or exactly this class of voices: another may do something else.
    known = isinstance(sampler, KernelSampler) or (type(voice) is WaveNetVoice and sampler.takes_windows)
    return known and has_analysis(voice)


class DeviceStream:
    """A stream's C++ object, and the sampler's state."""

    __slots__ = ("finish", "native", "params", "push", "speaker", "state", "under_way")

    def __init__(self, native: PlaneStream, state: Any, request: EngineRequest) -> None:
        self.native, self.state = native, state
        self.params: SamplingParams = request.params
        self.speaker = -1 if request.speaker is None else request.speaker
        self.push, self.finish = native.push, native.finish
        self.under_way: Step | None = None
        """The last step that has a part of it."""

    @property
    def index(self) -> int:
        """Samples drawn so far."""
        return self.native.index

    @property
    def total(self) -> int | None:
        """Samples of the whole, once that is known."""
        return self.native.total

    @property
    def lead(self) -> int:
        """Samples that are still to be drawn before any come out, in whole frames."""
        return self.native.lead


class DevicePlane:
    """A `DataPlane` of a voice of which `makes_frames` is true."""

    def __init__(self, loaded: LoadedVoice) -> None:
        voice, sampler = loaded.voice, loaded.sampler
        self._voice, self._sampler = voice, sampler
        on_processor = isinstance(sampler, KernelSampler)
        self._spectra: Spectra = (
            ProcessorSpectra(voice.mel) if on_processor else DeviceSpectra(sampler.executor, voice.mel)
        )
        self.sample_rate = voice.sample_rate
        self._plane = make_plane(voice, None)
        # A kernel that has no threads of its own may be called from several, each with some of the streams.
        several = isinstance(sampler, KernelSampler) and sampler.threads == 1
        self.batch = _BATCH if several else None
        self._lock: AbstractContextManager[object] = nullcontext() if several else threading.Lock()

    @property
    def depth(self) -> int:
        """A GPU has its next step before the last one's samples are sent, and so never waits."""
        return 2 if self._sampler.elsewhere else 1

    def open(self, request: EngineRequest) -> DeviceStream:
        """A stream. Raises ValueError for what the voice does not have."""
        speakers, speaker = len(self._voice.speakers), request.speaker
        if (request.input == "duration") == self._voice.takes_mel:
            kind = "mel or audio" if self._voice.takes_mel else "nothing but how long it is"
            raise ValueError(f"input is {request.input}; the voice takes {kind}")
        if speaker is not None and not 0 <= speaker < speakers:
            raise ValueError(f"speaker is {speaker}; it must be from 0 to {speakers - 1}")
        native = open_stream(self._plane, self._voice, request, None)
        return DeviceStream(native, self._sampler.start(), request)

    def ready(self, streams: Sequence[DeviceStream], n: Sequence[int]) -> list[int | Exception]:
        """How many of each stream's next samples can be made now, or why it ends."""
        return ready_streams(self._plane, [s.native for s in streams], n)

    def advance(self, streams: Sequence[DeviceStream], n: int, alone: bool = False) -> Iterator[Advanced]:
        """Launches the next `n` samples of every stream; what comes out is waited for as it is read."""
        from wavesynth.kernels.cpu import DeviceStep

        native = DeviceStep(self._plane, [s.native for s in streams], n)
        whole = attempt(self._analyse, native)
        if isinstance(whole, Exception):
            return iter([([s.index for s in streams], [whole] * len(streams))])
        drawn = attempt(self._launch, native, list(compress(streams, whole)), n) if any(whole) else None
        return self._results(streams, whole, native, drawn, Step(streams))

    def _analyse(self, native: DeviceStep) -> list[int]:
        """Has the log-mel of all that the step needs be computed; which streams can go on."""
        if self._voice.takes_mel:
            for frames in self._spectra.in_turn:
                spans = native.spans(frames)
                if len(spans):
                    native.hear(frames, self._spectra.features(spans, frames))
        whole: list[int] = native.heard().tolist()
        return whole

    def _launch(self, native: DeviceStep, streams: Sequence[DeviceStream], n: int) -> Any:
        mel, counts = native.condition()
        speakers = np.array([s.speaker for s in streams], np.int32)
        tracks = Tracks(mel, counts, speakers, 2 * self._voice.mel_context)
        with self._lock:
            return self._sampler.launch([s.state for s in streams], tracks, [s.params for s in streams], n)

    def _results(
        self,
        streams: Sequence[DeviceStream],
        whole: Sequence[int],
        native: DeviceStep,
        drawn: Any,
        step: Step,
    ) -> Iterator[Advanced]:
        """What came out of each stream, `_STREAMS_AT_A_TIME` at a time, in the order of its steps."""
        try:
            ends = [s.index for s in streams]
            samples = attempt(drawn) if callable(drawn) else drawn
            step.wait_for_those_before()
            end = 0
            for at in range(0, len(streams), _STREAMS_AT_A_TIME):
                some = slice(at, at + _STREAMS_AT_A_TIME)
                first, end = end, end + sum(whole[some])
                made: Any = samples
                if not isinstance(samples, Exception):
                    made = attempt(self._filter, native, first, end, samples)
                if isinstance(made, Exception):
                    made = [made] * (end - first)
                if end - first < len(ends[some]):
                    of_whole = iter(made)
                    made = [
                        next(of_whole) if kept else unusable(-1, s.native)
                        for s, kept in zip(streams[some], whole[some], strict=True)
                    ]
                yield ends[some], made
        finally:
            step.done.set()

    def _filter(
        self, native: DeviceStep, first: int, end: int, drawn: NDArray[np.float32]
    ) -> list[NDArray[np.int16]]:
        """What the samples drawn of streams `first` to `end` complete of the audio."""
        if first == end:
            return []
        native.filter(first, end, drawn[first:end])
        for rounds in self._spectra.in_turn:
            while len((blocks := native.blocks(rounds))[0]):
                samples, target_mel, active = blocks
                native.commit(rounds, self._spectra.project(samples, target_mel, active, rounds))
        samples, counts = native.take(first, end)
        bounds = accumulate(counts.tolist(), initial=0)
        return [samples[begin:stop] for begin, stop in pairwise(bounds)]
