"""How the server runs."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path

from wavesynth.checks import require, require_whole
from wavesynth.server.limits import Limits
from wavesynth.server.web.config import WebConfig
from wavesynth.voices.folders import SHIPPED
from wavesynth.workers import cores

__all__ = ["ServerConfig"]

#: More threads or processes than so many for a core only wait for one another.
_OF_A_CORE = 4
#: Seconds that calls have to end when the engine is lost: to be told so.
_LOST_GRACE = 5.0


@dataclass(frozen=True)
class ServerConfig:
    """How the server runs."""

    host: str = "127.0.0.1"
    port: int = 50051
    """0 takes a free one."""
    voices: Path = SHIPPED
    images: Path | None = None
    """A folder of models of images, instead of those that ship."""
    backend: str = "cpu"
    threads: int = field(default_factory=cores)
    """Cores that make samples."""
    workers: int = 0
    """Processes that speak gRPC, beside the one that makes the audio; with 0 one does both."""
    live_streams: int | None = None
    """Live streams at once; measured if None."""
    chunk: int = 160
    """Samples of a live stream that are made, and handed out, at a time: see EngineConfig."""
    max_seconds: float = 600.0
    """Seconds of audio that a call may make."""
    grace: float = 30.0
    """Seconds that calls under way have to end at shutdown."""
    limits: Limits = field(default_factory=Limits)
    """What ends a call that holds a place and does not use it."""
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    """Where metrics are served: they need no token, so it is not `host`."""
    tls: tuple[Path, Path] | None = None
    """Files of the certificate chain and of its private key, PEM."""
    tls_clients: Path | None = None
    """File of root certificates, PEM: callers must have a certificate of one of them."""
    token: str | None = None
    """What clients must send as `authorization: Bearer TOKEN`."""
    tokens: Path | None = None
    """TOML file of the tokens of which they must send one (`wavesynth.server.tokens`), instead of `token`; it is read
    again when it changes."""
    warm: bool = False
    """Whether all that a first call would wait for is done before the server says that it is ready."""
    web: WebConfig | None = None
    """The web page, if there is to be one."""

    def __post_init__(self) -> None:
        require_whole(self, {"port": (0, 65535)})
        most = _OF_A_CORE * cores()
        for name, least in (("threads", 1), ("workers", 0)):
            value = getattr(self, name)
            holds = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
            require(self, name, holds, f"from {least} to {most}, {_OF_A_CORE} for each core of this machine")
        possible = not self.workers or (hasattr(socket, "SO_REUSEPORT") and hasattr(socket, "send_fds"))
        require(self, "workers", possible, "0 on this system, where processes cannot share a port")
        if self.metrics_port is not None:
            require_whole(self, {"metrics_port": (1, 65535)})
        if self.live_streams is not None:
            require_whole(self, {"live_streams": (1, 100_000)})
        require(self, "max_seconds", 0 < self.max_seconds <= 86_400, "above 0 and at most 86400 seconds")
        alone = self.tls_clients is not None and self.tls is None
        require(self, "tls_clients", not alone, "absent without a certificate of the server")
        require(self, "tokens", self.tokens is None or self.token is None, "absent, since there is a token")
        require(self, "grace", 0 <= self.grace <= 3600, "from 0 to 3600 seconds")

    def grace_after(self, lost: bool) -> float:
        """Seconds that calls under way have to end; few if the engine is lost, since there is nothing to wait for."""
        return min(self.grace, _LOST_GRACE) if lost else self.grace
