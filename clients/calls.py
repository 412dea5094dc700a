"""What both clients share: the messages of each call, and a call that goes on over a new connection.

Nothing here waits: `Client` blocks where `AsyncClient` awaits, and their stubs have the same methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from wavesynth.v1 import admin_pb2
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.admin_pb2_grpc import AdminServiceStub
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

from .connection import Connection
from .errors import lost_its_status
from .inputs import CheckedInput
from .messages import Chunk, SynthesisOptions, audio_format, synthesis_of
from .progress import Progress
from .replay import AsyncReplayBuffer, ReplayBuffer
from .resuming import Backoff, CallPosition

__all__ = ["Calls", "ResumableCall"]

#: Makes a call from a sample on, with a timeout in seconds; returns gRPC's call, and what says whether it gets on.
Attempt = Callable[[int, float | None], tuple[Any, Progress]]


class ResumableCall:
    """One call over as many attempts as it takes."""

    def __init__(
        self, attempt: Attempt, position: CallPosition, replay: ReplayBuffer | AsyncReplayBuffer | None = None
    ) -> None:
        self._attempt, self._position, self._replay = attempt, position, replay
        self.statistics: pb.Statistics | None = None
        """Of the whole, once the last chunk is there."""

    @property
    def complete(self) -> bool:
        """Whether the last chunk is there: a connection that breaks afterwards takes nothing away."""
        return self.statistics is not None

    @property
    def reconnected(self) -> int:
        """How often the call went on over a new connection."""
        return self._position.reconnected

    def attempt(self) -> tuple[Any, Progress]:
        """Makes the call for the samples that are missing; returns gRPC's call, and what says whether it gets on."""
        return self._attempt(self._position.next_sample, self._position.timeout)

    def received(self, response: Any, progress: Progress) -> Chunk:
        """The chunk of a response."""
        chunk = self._position.received(response.chunk)
        progress.received(chunk)
        self.statistics = chunk.statistics
        return chunk

    def wait_after(self, error: BaseException, progress: Progress) -> float:
        """Seconds to wait before the next attempt. Raises why there is to be none."""
        if self._replay is not None and self._replay.error is not None:
            raise self._replay.error from None
        problem = progress.error or error
        if not isinstance(problem, grpc.RpcError):
            raise problem
        wait = self._position.wait_after(problem)
        if self._replay is not None:
            self._replay.silence = wait if lost_its_status(problem) else 0.0
        return wait


class Calls:
    """The API's methods on one channel."""

    def __init__(self, connection: Connection, channel: Any, backoff: Backoff | None) -> None:
        self._stub: Any = SynthesisServiceStub(channel)
        self._admin: Any = AdminServiceStub(channel)
        self._connection, self._metadata = connection, connection.metadata
        self._backoff = backoff or Backoff()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns gRPC's errors into ServiceError."""
        try:
            yield
        except grpc.RpcError as error:
            raise self._connection.error(error) from error

    def reload(self, timeout: float | None) -> Any:
        """The response of Reload, or what is to be awaited for it."""
        return self._admin.Reload(admin_pb2.ReloadRequest(), timeout=timeout, metadata=self._metadata)

    def voices(self, timeout: float | None) -> Any:
        """The response of ListVoices, or what is to be awaited for it."""
        return self._stub.ListVoices(pb.ListVoicesRequest(), timeout=timeout, metadata=self._metadata)

    def whole(self, synthesis: pb.Synthesis, given: CheckedInput, timeout: float | None) -> Any:
        """The response of Synthesize, or what is to be awaited for it."""
        request = pb.SynthesizeRequest(synthesis=synthesis, conditioning=given.conditioning())
        return self._stub.Synthesize(request, timeout=timeout, metadata=self._metadata)

    def score(self, voice: str, speaker: str, given: CheckedInput, timeout: float | None) -> Any:
        """The response of Score, or what is to be awaited for it."""
        messages = given.score_requests(voice, speaker)
        return self._stub.Score(messages, timeout=timeout, metadata=self._metadata)

    def stream(self, synthesis: pb.Synthesis, given: CheckedInput, timeout: float | None) -> ResumableCall:
        """A call whose input is there.

        It goes in one message if it is short, and piece by piece if not: the audio is the same.
        """
        rate = given.options.get("sample_rate", 0)

        def attempt(first_sample: int, left: float | None) -> tuple[Any, Progress]:
            synthesis.first_sample = first_sample
            if given.single_message:
                progress = Progress(rate, first_sample, given.message_bytes)
                request = pb.StreamSynthesizeRequest(synthesis=synthesis, conditioning=given.conditioning())
                call = self._stub.StreamSynthesize(request, timeout=left, metadata=self._metadata)
            else:
                progress = Progress(rate, first_sample, 0)
                messages = progress.watched(given.requests(synthesis))
                call = self._stub.Resynthesize(messages, timeout=left, metadata=self._metadata)
            return call, progress

        return ResumableCall(attempt, self._position(synthesis, timeout, self._backoff))

    def resynthesize(
        self,
        voice: str,
        options: SynthesisOptions,
        replay: ReplayBuffer | AsyncReplayBuffer,
        resume: bool,
        timeout: float | None,
        text: pb.TextFormat | None = None,
    ) -> ResumableCall:
        """A call whose input is still coming: audio, or with a format of `text` that."""
        config = pb.ResynthesizeConfig(synthesis=synthesis_of(voice, options))
        if text is None:
            config.audio.CopyFrom(audio_format(options))
        else:
            config.text.CopyFrom(text)

        def attempt(first_sample: int, left: float | None) -> tuple[Any, Progress]:
            config.synthesis.first_sample = first_sample
            progress = Progress(config.audio.sample_rate, first_sample, None)
            messages = replay.messages(config, progress)
            return self._stub.Resynthesize(messages, timeout=left, metadata=self._metadata), progress

        backoff = self._backoff if resume else Backoff(patience=0)
        return ResumableCall(attempt, self._position(config.synthesis, timeout, backoff), replay)

    def _position(self, synthesis: pb.Synthesis, timeout: float | None, backoff: Backoff) -> CallPosition:
        return CallPosition(synthesis.first_sample, timeout, backoff, self._connection.error)
