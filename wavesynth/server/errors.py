"""Why a call ends without its audio, as gRPC says it."""

from __future__ import annotations

import grpc

from wavesynth.engine.admission import CapacityError
from wavesynth.engine.plane import EngineLostError
from wavesynth.engine.stream import ClosedError, InputError, StreamError

__all__ = ["RefusedError", "invalid"]


#: The trailing metadata that says in how many milliseconds another attempt is worth it.
RETRY = "retry-after-ms"
#: The same where the engine is lost: whoever started the service starts another.
_LOST = 1000
#: Why calls are refused, where the code says it.
_REASONS = {
    grpc.StatusCode.UNAUTHENTICATED: "token",
    grpc.StatusCode.PERMISSION_DENIED: "scope",
    grpc.StatusCode.UNAVAILABLE: "unavailable",
}


class RefusedError(Exception):
    """A status code, a sentence, trailing metadata, and a reason by which refusals are counted.

    The reasons are places (all are taken), share (a client's part of them), limit (a token's, of streams, of audio or
    of requests), calls (a client's), input (its bytes); token, scope and unavailable. What is wrong with a request
    itself is counted by its code, and has no reason.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        metadata: tuple[tuple[str, str], ...] = (),
        reason: str = "",
        logged: str = "",
    ) -> None:
        """`logged` is what the log has in the sentence's place, if that may quote what is nobody else's business."""
        super().__init__(message)
        self.code = code
        self.logged = logged or message
        self.metadata = metadata
        self.reason = reason or _REASONS.get(code, "")

    @classmethod
    def full(cls, message: str, retry_after: float, reason: str) -> RefusedError:
        """RESOURCE_EXHAUSTED: the caller may come again after so many seconds."""
        retry = ((RETRY, str(round(1000 * retry_after))),)
        return cls(grpc.StatusCode.RESOURCE_EXHAUSTED, message, retry, reason)

    @classmethod
    def of(cls, error: CapacityError | StreamError) -> RefusedError:
        """What the engine's `error` is to the caller."""
        if isinstance(error, CapacityError):
            return cls.full(str(error), error.retry_after, error.reason)
        if isinstance(error, InputError):
            return invalid(str(error))
        if isinstance(error, ClosedError):
            return cls(grpc.StatusCode.UNAVAILABLE, str(error))
        retry = ((RETRY, str(_LOST)),) if isinstance(error, EngineLostError) else ()
        return cls(grpc.StatusCode.INTERNAL, str(error), retry)


def invalid(message: str) -> RefusedError:
    """INVALID_ARGUMENT: the message names the field, what came and what is allowed."""
    return RefusedError(grpc.StatusCode.INVALID_ARGUMENT, message)
