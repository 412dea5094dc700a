"""An engine that makes what it is told to, when it is told to."""

import threading

import numpy as np

from wavesynth.engine.engine import CapacityError
from wavesynth.engine.stream import EngineOutput, Statistics


class FakeStream:
    def __init__(self, request):
        self.request = request
        self.pushed, self.finished, self.cancelled = [], False, False
        self.samples_made, self.closed, self.error, self.taken = 0, False, None, 0
        self._output, self._lock = [], threading.Lock()

    def push(self, piece):
        self.pushed.append(piece)

    def finish(self):
        self.finished = True

    def take(self):
        with self._lock:
            if not self._output and self.error is not None:
                raise self.error
            outputs, self._output = self._output, []
            self.taken += len(outputs)
            return outputs

    def cancel(self):
        self.cancelled = self.closed = True

    def fail(self, error):
        if not self.closed:
            self.closed, self.error = True, error

    def make(self, samples, last=False):
        """Makes so many samples more, a ramp."""
        with self._lock:
            first = self.samples_made
            self.samples_made += samples
            statistics = Statistics(self.samples_made, 0.1, 2.0) if last else None
            ramp = np.arange(first, first + samples).astype(np.int16)
            self._output.append(EngineOutput(ramp, first, 1.0, statistics))
            self.closed = self.closed or last


class FakeEngine:
    """Has room for `room` streams."""

    def __init__(self, room=100):
        self.room, self.streams = room, []

    def open(self, request):
        if self.room <= sum(not stream.closed for stream in self.streams):
            raise CapacityError(f"all {self.room} places are taken", 0.5)
        self.streams.append(FakeStream(request))
        return self.streams[-1]
