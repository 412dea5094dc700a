"""Why a call ends without its audio, as gRPC says it."""

from __future__ import annotations

import grpc

from wavesynth.engine.admission import CapacityError
from wavesynth.engine.stream import ClosedError, InputError, StreamError

__all__ = ["RefusedError", "invalid"]


class RefusedError(Exception):
    """A status code, a sentence, and trailing metadata."""

    def __init__(
        self, code: grpc.StatusCode, message: str, metadata: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.metadata = metadata

    @classmethod
    def of(cls, error: CapacityError | StreamError) -> RefusedError:
        """What the engine's `error` is to the caller."""
        if isinstance(error, CapacityError):
            retry = (("retry-after-ms", str(round(1000 * error.retry_after))),)
            return cls(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error), retry)
        if isinstance(error, InputError):
            return invalid(str(error))
        if isinstance(error, ClosedError):
            return cls(grpc.StatusCode.UNAVAILABLE, str(error))
        return cls(grpc.StatusCode.INTERNAL, str(error))


def invalid(message: str) -> RefusedError:
    """INVALID_ARGUMENT: the message names the field, what came and what is allowed."""
    return RefusedError(grpc.StatusCode.INVALID_ARGUMENT, message)
