"""What can go wrong with a call: one exception for each status, its message the service's own sentence."""

from __future__ import annotations

from typing import Any

import grpc

__all__ = [
    "AuthenticationError",
    "BusyError",
    "CallCancelledError",
    "DeadlineError",
    "FailedError",
    "InvalidRequestError",
    "PermissionDeniedError",
    "ServiceError",
    "UnavailableError",
    "UnknownVoiceError",
    "lost_its_status",
    "service_error",
]


class ServiceError(Exception):
    """The service refused a call or could not finish it."""

    def __init__(
        self, message: str, code: str, retry_after: float | None = None, request_id: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        """The gRPC status code, such as NOT_FOUND."""
        self.retry_after = retry_after
        """Seconds after which to try again, when the service was full or has lost its engine."""
        self.request_id = request_id
        """What the service's log names the call by; empty if the service has not answered."""


class InvalidRequestError(ServiceError):
    """INVALID_ARGUMENT: the message names the field, what came and what is allowed."""


class UnknownVoiceError(ServiceError):
    """NOT_FOUND: the message names the voices that there are."""


class BusyError(ServiceError):
    """RESOURCE_EXHAUSTED: the service is full (`retry_after` is set), or a message was too long."""


class AuthenticationError(ServiceError):
    """UNAUTHENTICATED: the token is missing or wrong."""


class PermissionDeniedError(ServiceError):
    """PERMISSION_DENIED: this caller may not do that."""


class UnavailableError(ServiceError):
    """UNAVAILABLE: nobody answers, the connection broke, or the service is shutting down. Or ABORTED: the service has
    given up a call whose audio nobody read for long. A call that has had audio is made again for the rest."""


class DeadlineError(ServiceError):
    """DEADLINE_EXCEEDED: the caller's own `timeout` is over, or a live call was silent, or lasted, for longer than the
    service allows."""


class CallCancelledError(ServiceError):
    """CANCELLED: the caller closed the call."""


class FailedError(ServiceError):
    """INTERNAL: the service failed. The service's log says how, below the request's id, which the message names."""


_BY_CODE: dict[grpc.StatusCode, type[ServiceError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.NOT_FOUND: UnknownVoiceError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: BusyError,
    grpc.StatusCode.UNAUTHENTICATED: AuthenticationError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.ABORTED: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.CANCELLED: CallCancelledError,
    grpc.StatusCode.INTERNAL: FailedError,
}


def lost_its_status(error: grpc.RpcError) -> bool:
    """Whether nobody knows why the call ended.

    grpc.aio forgets the status of a call when a message could not be sent because the call had just ended, and says
    this instead (github.com/grpc/grpc/issues/36066).
    """
    return error.code() == grpc.StatusCode.INTERNAL and error.details() == "Internal error from Core"


def service_error(error: grpc.RpcError) -> ServiceError:
    """gRPC's `error`, of a synchronous or an asynchronous call, as the exception for its status."""
    code = error.code()
    metadata: Any = error.trailing_metadata() or ()  # pairs of text and text or bytes, or of gRPC's own kind
    said = dict(metadata)
    hint, request_id = said.get("retry-after-ms"), str(said.get("x-request-id", ""))
    if lost_its_status(error):
        return UnavailableError("the call ended while a message was being sent", "UNAVAILABLE")
    kind, details = _BY_CODE.get(code, ServiceError), error.details() or code.name
    if code is grpc.StatusCode.INTERNAL and "Received RST_STREAM" in details:
        # How a proxy passes on that its connection to the service broke. The service itself says why a call ends.
        return UnavailableError("the connection broke between a proxy and the service", "UNAVAILABLE")
    if details.startswith("Stream removed") and ("ping timeout" in details or "timed out" in details):
        details = "the connection is lost: the service does not answer, not even a ping"
    return kind(details, code.name, None if hint is None else int(hint) / 1000, request_id)
