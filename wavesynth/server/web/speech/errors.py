"""Why a request is refused, as OpenAI's API says it: a status of HTTP, and an object with a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

import grpc

from wavesynth.server.errors import RETRY, RefusedError
from wavesynth.server.request_ids import HEADER

__all__ = ["ApiError", "of_refusal", "of_status"]

_INVALID = "invalid_request_error"
_SERVER = "server_error"
#: By the code of gRPC: the status of HTTP, and OpenAI's type and code.
_STATUSES: dict[grpc.StatusCode, tuple[HTTPStatus, str, str | None]] = {
    grpc.StatusCode.INVALID_ARGUMENT: (HTTPStatus.BAD_REQUEST, _INVALID, None),
    grpc.StatusCode.UNAUTHENTICATED: (HTTPStatus.UNAUTHORIZED, _INVALID, "invalid_api_key"),
    grpc.StatusCode.PERMISSION_DENIED: (HTTPStatus.FORBIDDEN, _INVALID, "insufficient_permissions"),
    grpc.StatusCode.NOT_FOUND: (HTTPStatus.NOT_FOUND, _INVALID, "voice_not_found"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (
        HTTPStatus.TOO_MANY_REQUESTS,
        "rate_limit_error",
        "rate_limit_exceeded",
    ),
    grpc.StatusCode.UNAVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, _SERVER, "service_unavailable"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (HTTPStatus.GATEWAY_TIMEOUT, _SERVER, "timeout"),
}


class ApiError(Exception):
    """What a caller is told."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        param: str | None = None,
        code: str | None = None,
        kind: str = _INVALID,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers
        self._error = {"message": message, "type": kind, "param": param, "code": code}

    @property
    def body(self) -> bytes:
        """The answer's body, JSON."""
        return json.dumps({"error": self._error}).encode()


def of_status(
    code: grpc.StatusCode, message: str, metadata: Mapping[str, str] = MappingProxyType({})
) -> ApiError:
    """What a status of gRPC, its sentence and its trailing metadata are in this API."""
    status, kind, name = _STATUSES.get(code, (HTTPStatus.INTERNAL_SERVER_ERROR, _SERVER, None))
    headers = [(HEADER, metadata[HEADER])] if HEADER in metadata else []
    if retry := metadata.get(RETRY):
        headers += [(RETRY, retry), ("Retry-After", str(max(1, -(-int(retry) // 1000))))]
    if status is HTTPStatus.UNAUTHORIZED:
        headers += [("WWW-Authenticate", "Bearer")]
    return ApiError(status, message, None, name, kind, tuple(headers))


def of_refusal(refusal: RefusedError) -> ApiError:
    """The same of a refusal."""
    return of_status(refusal.code, str(refusal), dict(refusal.metadata))
