"""How a call goes on after its connection broke: what both clients share.

Seed and sample index decide the audio, and a request can name its first sample; so a call that broke is made
again for what is missing, and its listener gets the bytes that would have come.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import grpc

from wavesynth.v1 import synthesis_pb2 as pb

from .errors import (
    BusyError,
    DeadlineError,
    FailedError,
    ServiceError,
    UnavailableError,
    lost_its_status,
    service_error,
)
from .messages import Chunk, chunk_of

__all__ = ["Backoff", "CallPosition"]


@dataclass(frozen=True)
class Backoff:
    """How long to wait before each attempt to reconnect: `first` seconds, then `factor` times as long each time,
    at most `longest`, each shortened by up to a half at random so that not all clients come at once.

    After `patience` seconds without new audio the call is given up; with 0, at once.
    """

    first: float = 0.1
    factor: float = 2.0
    longest: float = 2.0
    patience: float = 30.0

    def wait(self, attempt: int) -> float:
        """Seconds before attempt 0, 1, 2, ..."""
        return min(self.first * self.factor**attempt, self.longest) * random.uniform(0.5, 1)


class CallPosition:
    """Where one call stands: which sample comes next, and whether to try again after an error.

    A call that never had any audio is not repeated: its caller has lost nothing, and is told at once. One that lost
    its status is, whatever it had: the next attempt brings the audio or says why not.
    """

    def __init__(
        self,
        first_sample: int,
        timeout: float | None,
        backoff: Backoff,
        explain: Callable[[grpc.RpcError], ServiceError] = service_error,
    ) -> None:
        """`explain` makes an exception of gRPC's."""
        self.next_sample = self._first = first_sample
        self.reconnected = 0
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._backoff, self._explain = backoff, explain
        self._attempts, self._broken = 0, 0.0

    @property
    def timeout(self) -> float | None:
        """Seconds that are left of the caller's own."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def received(self, message: pb.AudioChunk) -> Chunk:
        """The next chunk; its statistics count the samples of all attempts."""
        chunk = chunk_of(message)
        self.next_sample = chunk.first_sample + len(chunk.samples)
        self.reconnected += self._attempts > 0
        self._attempts = 0
        if chunk.statistics is not None:
            statistics = pb.Statistics()
            statistics.CopyFrom(chunk.statistics)
            statistics.samples = self.next_sample - self._first
            chunk = replace(chunk, statistics=statistics)
        return chunk

    def wait_after(self, error: grpc.RpcError) -> float:
        """Seconds to wait before the next attempt; raises what `error` is if there is to be none."""
        problem, now = self._explain(error), time.monotonic()
        worth = self.next_sample > self._first or lost_its_status(error)
        # The service is full, or its engine was lost and another is to be expected.
        full = isinstance(problem, BusyError | FailedError) and problem.retry_after is not None
        if not worth or not (full or isinstance(problem, UnavailableError)):
            raise problem from error
        if not self._attempts:
            self._broken = now
        wait = self._backoff.wait(self._attempts)
        if full:
            wait = max(wait, problem.retry_after or 0.0)
        if now + wait > self._broken + self._backoff.patience:
            raise problem from error
        if self._deadline is not None and now + wait > self._deadline:
            raise DeadlineError(
                f"the time is over before a new attempt: {problem}", "DEADLINE_EXCEEDED"
            ) from error
        self._attempts += 1
        return wait
