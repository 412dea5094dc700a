"""How the web page is served, and what one visitor may take of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from wavesynth.checks import require_whole

__all__ = ["PageLimits", "WebConfig"]


@dataclass(frozen=True)
class PageLimits:
    """What a visitor may take before it has shown a token, and after."""

    connections: int = 512
    """Connections at once. Beyond them the request that has been unfinished for longest is cut."""
    silent: int = 128
    """WebSockets that have asked for nothing yet. Beyond them the oldest is cut; a page opens another."""
    first_message: int = 64 << 10
    """Bytes of the message that asks for a call: it is parsed before its token is looked at."""
    message: int = 1 << 20
    """Bytes of any message."""
    ahead: int = 1 << 20
    """Bytes of input that wait for the engine; then no more is read."""
    unread_answers: int = 64 << 10
    """Bytes of answers to pings that may wait for a visitor who does not read."""
    request: float = 20.0
    """Seconds from a connection to its request and the whole answer."""
    close: float = 10.0
    """Seconds in which a visitor must have read the last that is said, and closed its side."""


@dataclass(frozen=True)
class WebConfig:
    """How the page is served."""

    port: int = 8000
    """0 takes a free one."""
    example: Path | None = None
    """A recording for those who have none at hand."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may use the service, such as "https://example.org"."""
    hosts: tuple[str, ...] = ()
    """Names of this server in browsers' addresses, beside localhost, the server's own and all numeric ones."""
    limits: PageLimits = field(default_factory=PageLimits)

    def __post_init__(self) -> None:
        require_whole(self, {"port": (0, 65535)})
