"""How long to wait before what has failed is tried again."""

from __future__ import annotations

__all__ = ["BackOff"]


class BackOff:
    """Seconds to wait: `first` after a failure, twice as many after each further one in a row, and `longest` at most.

    >>> pauses = BackOff(first=1.0, longest=3.0)
    >>> [pauses.failed() for _ in range(3)]
    [1.0, 2.0, 3.0]
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first = self._next = first
        self._longest = longest

    def failed(self) -> float:
        """Takes note of a failure; the seconds to wait after it."""
        seconds, self._next = self._next, min(2 * self._next, self._longest)
        return seconds

    def succeeded(self) -> None:
        """The next failure is the first of a row."""
        self._next = self._first
