"""Whether a call gets on: what shows that its service is stuck, although the connection lives.

Pings (`connection.Connection`) find a path that was lost and a server that is frozen, both within seconds. A server
whose network answers while it makes nothing they do not find; that is what the limit here is for. It is generous,
since to break off a call that is only slow would be worse, and it runs only while the caller waits for audio that is
owed: a microphone that is silent, or a caller who is in no hurry, never makes it run out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import grpc

from wavesynth.v1 import synthesis_pb2 as pb

from .messages import Chunk

__all__ = ["Progress", "StalledError"]

#: Seconds without audio, at least, after which a call is given up.
LIMIT = 60.0
#: Bytes a second at which a request may be on its way, at worst: it is sent before any audio can be made.
_SLOWEST_UPLOAD = 16_000
#: Seconds that a second of audio may take which is made anew and dropped, where a call begins at a later sample.
_SLOWEST_VOICE = 10.0
#: Seconds of input that a service may have without owing audio: look-ahead, correction and resampling take up to 0.4.
_LATENCY = 1.0
#: Hertz, where nobody has said.
_USUAL_RATE = 16_000


class StalledError(grpc.RpcError):
    """As gRPC raises it: UNAVAILABLE, since another attempt may do better."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def code(self) -> grpc.StatusCode:
        """UNAVAILABLE."""
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        """The sentence."""
        return f"the service answers, but has sent no audio for {self._seconds:.0f} s"

    def trailing_metadata(self) -> tuple[()]:
        """None."""
        return ()


class Progress:
    """One attempt of a call: what was sent, what came, and since when its caller waits in vain."""

    def __init__(self, sample_rate: int, first_sample: int, message_bytes: int | None) -> None:
        """`sample_rate` is the input's, 0 if not known; `message_bytes` of it go with the request, or None if they come
        piece by piece from a microphone.
        """
        self._rate = sample_rate or _USUAL_RATE
        self._limit = (
            LIMIT + _SLOWEST_VOICE * first_sample / _USUAL_RATE + (message_bytes or 0) / _SLOWEST_UPLOAD
        )
        self._all_given = message_bytes is not None
        self._sent_seconds = self._received_seconds = 0.0  # seconds of audio
        self._waiting = False
        self._since = time.monotonic()
        self.error: StalledError | None = None
        """Why the attempt was given up, once it was."""

    @property
    def often(self) -> float:
        """Seconds from one look at `stalled` to the next."""
        return LIMIT / 8

    def waits(self) -> None:
        """The caller waits for the next chunk from now on."""
        self._waiting, self._since = True, time.monotonic()

    def received(self, chunk: Chunk) -> None:
        """It came, and the caller is busy with it."""
        self._waiting, self._limit = False, LIMIT
        self._received_seconds = (chunk.first_sample + len(chunk.samples)) / chunk.sample_rate

    def sends(self, message: pb.ResynthesizeRequest) -> None:
        """The service has taken the messages before this one."""
        self._sent_seconds += len(message.audio) / 4 / self._rate
        self._since = time.monotonic()

    def ended(self) -> None:
        """All input is sent."""
        self._all_given, self._since = True, time.monotonic()

    def watched(self, messages: Iterable[pb.ResynthesizeRequest]) -> Iterator[pb.ResynthesizeRequest]:
        """The messages, each noted as it is sent."""
        for message in messages:
            self.sends(message)
            yield message
        self.ended()

    def stalled(self) -> bool:
        """Whether the attempt is to be given up, which `error` then says."""
        owed = self._all_given or self._sent_seconds - self._received_seconds > _LATENCY
        quiet = time.monotonic() - self._since
        if self._waiting and owed and quiet > self._limit:
            self.error = StalledError(quiet)
        return self.error is not None
