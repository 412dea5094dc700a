"""Ways to use a wavesynth server: `Client`, `AsyncClient` for asyncio, and one exception for each status."""

from .aio import AsyncAudioStream, AsyncClient
from .client import AudioStream, Client
from .errors import (
    AuthenticationError,
    BusyError,
    CallCancelledError,
    DeadlineError,
    FailedError,
    InvalidRequestError,
    PermissionDeniedError,
    ServiceError,
    UnavailableError,
    UnknownVoiceError,
)
from .messages import Chunk
from .resuming import Backoff

__all__ = [
    "AsyncAudioStream",
    "AsyncClient",
    "AudioStream",
    "AuthenticationError",
    "Backoff",
    "BusyError",
    "CallCancelledError",
    "Chunk",
    "Client",
    "DeadlineError",
    "FailedError",
    "InvalidRequestError",
    "PermissionDeniedError",
    "ServiceError",
    "UnavailableError",
    "UnknownVoiceError",
]
