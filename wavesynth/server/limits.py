"""How long a call may wait, and how much of the server one caller may take."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.checks import require, require_whole
from wavesynth.v1 import MAX_MESSAGE

__all__ = ["Limits"]

#: Seconds of a limit, at most: a day.
_LONGEST = 86_400.0
#: Part of the places that a client from elsewhere may have: some are left, whatever one client does.
_SHARE = 0.75


@dataclass(frozen=True)
class Limits:
    """What ends a call that holds a place and does not use it."""

    first_message: float = 30.0
    """Seconds in which a call's first message must come; 16 MiB then need a line of 4.5 Mbit/s."""
    idle: float = 120.0
    """Seconds for which a live call may send nothing while the server waits for its input."""
    behind: float = 300.0
    """Seconds by which the input of a live call may be behind half of real time: it may pause, and be slow for a while.
    Only time counts for which the server waits for input."""
    stall: float = 120.0
    """Seconds for which a reader may take nothing. A player who pauses goes on reading until the buffers on the way are
    full, some seconds of audio; two minutes more are a pause, not an absence."""
    call: float = 3600.0
    """Seconds that a call may last: the longest audio (`max_seconds`, 600) in real time, and pauses."""
    vanished: float = 30.0
    """Seconds until the calls of a caller end whose connection is lost without a word: after a third of it without a
    byte from the caller a ping is sent, which has the rest to be answered."""
    calls: int = 1000
    """Calls of all kinds that a process may have under way."""
    input_bytes: int = 128 << 20
    """Bytes of input of all calls of a process together. A message counts as long as it may be needed; while a first
    one comes, it counts for the longest that there may be, 16 MiB."""
    small_messages: float = 500.0
    """Small messages that a caller may send in a second, in all its live calls; more have to wait. A message is small
    that holds less audio than is due in that time, 2 ms. A message costs the server the same whatever its length."""
    text_characters: int = 200_000
    """Characters of text that a call may have, some four hours of audio; `max_seconds` counts what is made of them."""
    client_share: float | None = None
    """Part of the places for live calls, and of those for offline calls, that one client may have, though always one.
    If None, three quarters for clients from elsewhere, and all for those on this machine: who calls from here has the
    machine anyway, or is a proxy for many others."""

    @property
    def share(self) -> float:
        """The part that a client may have who has a name (`client_of`)."""
        return _SHARE if self.client_share is None else self.client_share

    def __post_init__(self) -> None:
        for name in ("first_message", "idle", "behind", "stall", "call", "vanished"):
            holds = 0 < getattr(self, name) <= _LONGEST
            require(self, name, holds, f"above 0 and at most {_LONGEST:g} seconds")
        whole = {"calls": (1, 1_000_000), "input_bytes": (MAX_MESSAGE, 1 << 40)}
        require_whole(self, whole | {"text_characters": (1, MAX_MESSAGE)})
        require(self, "small_messages", 1 <= self.small_messages <= 1e6, "from 1 to 1000000 a second")
        require(self, "client_share", 0 < self.share <= 1, "above 0 and at most 1")
