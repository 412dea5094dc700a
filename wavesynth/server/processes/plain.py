"""Requests and errors of the engine as JSON has them."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Any

from wavesynth.engine.admission import CapacityError
from wavesynth.engine.plane import EngineLostError
from wavesynth.engine.stream import ClosedError, EngineRequest, InputError, StreamError
from wavesynth.sampling.params import SamplingParams

__all__ = ["error_of", "plain_error", "plain_request", "request_of"]

_KINDS: dict[str, type[StreamError]] = {
    "closed": ClosedError,
    "input": InputError,
    "lost": EngineLostError,
    "stream": StreamError,
}


def plain_request(request: EngineRequest) -> dict[str, Any]:
    """A request as JSON."""
    return asdict(request) | {"memory": base64.b64encode(request.memory).decode()}


def request_of(plain: dict[str, Any]) -> EngineRequest:
    """The request that `plain_request` was given."""
    params, memory = SamplingParams(**plain["params"]), base64.b64decode(plain["memory"])
    return EngineRequest(**plain | {"params": params, "memory": memory})


def plain_error(error: CapacityError | StreamError) -> dict[str, Any]:
    """Why there is no stream, or no more of it, as JSON."""
    if isinstance(error, CapacityError):
        values = {"retry_after": error.retry_after, "reason": error.reason}
        return {"kind": "capacity", "message": str(error)} | values
    kind = next(name for name, kind in _KINDS.items() if isinstance(error, kind))
    return {"kind": kind, "message": str(error)}


def error_of(plain: dict[str, Any]) -> CapacityError | StreamError:
    """The error that `plain_error` was given."""
    if plain["kind"] == "capacity":
        return CapacityError(plain["message"], plain["retry_after"], plain["reason"])
    return _KINDS[plain["kind"]](plain["message"])
