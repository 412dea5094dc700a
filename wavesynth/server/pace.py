"""Small messages: how many a caller may send in a second."""

from __future__ import annotations

import asyncio
import time
from weakref import WeakValueDictionary

__all__ = ["Pace", "Paces"]

#: Seconds of messages that may come at once.
_BURST = 1.0
#: Seconds that a caller who is too fast waits for the next few messages, rather than for each.
_PAUSE = 0.02


class Pace:
    """Lets `per_second` small messages through in a second, and has the others wait. For one event loop."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._due = 0.0  # when all messages so far were due

    async def message(self, seconds: float) -> None:
        """Takes note of a message with so many seconds of audio, and waits until the next may be read."""
        if seconds >= self._interval:
            return
        now = time.monotonic()
        self._due = max(self._due, now - _BURST) + self._interval
        if self._due > now:
            await asyncio.sleep(self._due - now + _PAUSE)


class Paces:
    """The pace of each caller who has a call, by address."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._paces: WeakValueDictionary[str, Pace] = WeakValueDictionary()

    def of(self, caller: str) -> Pace:
        """The one that all calls of the caller share."""
        if (pace := self._paces.get(caller)) is None:
            pace = self._paces[caller] = Pace(self._per_second)
        return pace
