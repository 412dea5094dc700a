"""How long a call may wait, and how much of the server one caller may take."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.checks import require

__all__ = ["Limits"]

#: Seconds of a limit, at most: a day.
_LONGEST = 86_400.0


@dataclass(frozen=True)
class Limits:
    """What ends a call that holds a place and does not use it."""

    idle: float = 120.0
    """Seconds for which a live call may send nothing while the server waits for its input."""
    stall: float = 120.0
    """Seconds for which a reader may take nothing. A player who pauses goes on reading until the buffers on the way are
    full, some seconds of audio; two minutes more are a pause, not an absence."""
    call: float = 3600.0
    """Seconds that a call may last: the longest audio (`max_seconds`, 600) in real time, and pauses."""

    def __post_init__(self) -> None:
        for name in ("idle", "stall", "call"):
            holds = 0 < getattr(self, name) <= _LONGEST
            require(self, name, holds, f"above 0 and at most {_LONGEST:g} seconds")
