"""What came for each stream is taken in here, and which streams can go on is said."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

from wavesynth.engine.active_stream import ActiveStream, Status, prepare
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.step import Result
from wavesynth.engine.stream import EngineStream
from wavesynth.voices.loaded import LoadedVoice

__all__ = ["Intake"]


class Intake:
    """The streams that the engine works on; for its thread. `lock` guards what is in the streams' mailboxes."""

    def __init__(self, voices: Mapping[str, LoadedVoice], config: EngineConfig, lock: threading.Lock) -> None:
        self._voices, self._config, self._lock = voices, config, lock
        self._active: dict[EngineStream, ActiveStream] = {}

    def keep(self, streams: Collection[EngineStream]) -> None:
        """Forgets all streams but these."""
        self._active = {stream: self._active[stream] for stream in streams if stream in self._active}

    def active(self, stream: EngineStream) -> ActiveStream:
        """The stream as the engine works on it. Raises what its source raises."""
        if stream not in self._active:
            self._active[stream] = ActiveStream(stream, self._voices[stream.request.voice])
        return self._active[stream]

    def joins(self, stream: EngineStream) -> bool:
        """Whether its first chunk is being made beside the steps of the others."""
        return stream in self._active and self._active[stream].status is Status.JOINING

    def in_flight(self, stream: EngineStream) -> int:
        """Samples of the stream that are being made."""
        return self._active[stream].state.index - stream.samples_made if stream in self._active else 0

    def ready(self, streams: Sequence[EngineStream], samples: int) -> tuple[list[ActiveStream], list[Result]]:
        """Takes in what came for the streams; those that can make their next `samples` (at 16 kHz), or those to their
        end, and those that ended."""
        with self._lock:
            collected = [(stream, *stream.collect(), self._has_room(stream)) for stream in streams]
        results: list[Result] = []
        roomy, ready = [], []
        for stream, pieces, ended, room in collected:
            try:
                active = self.active(stream)
                for piece in pieces:
                    active.source.push(piece)
                if ended:
                    active.source.finish()
                if room:
                    roomy.append(active)
            except Exception as error:
                results.append((stream, 0, error))
        wanted = [active.loaded.samples(samples) for active in roomy]
        for active, can in zip(roomy, prepare(roomy, wanted), strict=True):
            if isinstance(can, Exception):
                results.append((active.stream, 0, can))
            elif can:
                ready.append(active)
        return ready, results

    def extend_first_chunk(self, ready: Sequence[ActiveStream]) -> None:
        """Makes the next chunk of joining streams so long that it can be sent, where there is input for that: a shorter
        one is held back by the correction, and costs as much of the time until it comes."""
        for lead, some in groupby(sorted(ready, key=_lead), _lead):
            streams = [active for active in some if lead > active.loaded.samples(self._config.chunk)]
            for active, can in zip(streams, prepare(streams, [lead] * len(streams)), strict=True):
                if can is not True:
                    prepare([active], [active.loaded.samples(self._config.chunk)])

    def _has_room(self, stream: EngineStream) -> bool:
        loaded = self._voices[stream.request.voice]
        coming = stream.waiting + self.in_flight(stream) + loaded.samples(self._config.chunk)
        return not stream.request.live or coming <= loaded.samples(self._config.queue)


def _lead(active: ActiveStream) -> int:
    return active.lead
