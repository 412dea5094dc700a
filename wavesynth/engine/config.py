"""How the engine runs."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.checks import require, require_whole

__all__ = ["EngineConfig"]


@dataclass(frozen=True)
class EngineConfig:
    """How the engine runs."""

    chunk: int = 160
    """Samples of a live stream in a step, at 16 kHz; at another rate, as many as last as long."""
    queue: int = 8000
    """Samples of a live stream that wait for their reader before it is left out, at 16 kHz; at another rate, as many
    as last as long."""
    workers: int = 1
    """Threads that make samples, one a core."""
    waiting: int = 16
    """Offline streams that may be under way or wait."""
    offline_samples: int | None = None
    """Samples of all offline streams together, where it is known how long they are or may become; one is always
    admitted. Their input and their audio are kept until they end."""
    share: float = 1.0
    """Part of the places for live streams, and of those for offline streams, that one client may have."""

    def __post_init__(self) -> None:
        limits = {"chunk": (1, 16000), "queue": (1, 1_000_000), "workers": (1, 1024), "waiting": (1, 10_000)}
        require_whole(self, limits)
        require(self, "queue", self.queue >= self.chunk, f"at least a chunk, {self.chunk}")
        if self.offline_samples is not None:
            require_whole(self, {"offline_samples": (1, 1 << 50)})
        require(self, "share", 0 < self.share <= 1, "above 0 and at most 1")
