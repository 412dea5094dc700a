"""How the web page is served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wavesynth.checks import require_whole

__all__ = ["WebConfig"]


@dataclass(frozen=True)
class WebConfig:
    """How the page is served."""

    port: int = 8000
    """0 takes a free one."""
    example: Path | None = None
    """A recording for those who have none at hand."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may use the service, such as "https://example.org"."""

    def __post_init__(self) -> None:
        require_whole(self, {"port": (0, 65535)})
