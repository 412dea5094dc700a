"""The largest load that is carried without a fault: doubling, bisection, and a long run that confirms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["find_capacity"]

T = TypeVar("T")


def find_capacity(
    probe: Callable[[int], T], confirm: Callable[[int], T], passed: Callable[[T], bool], most: int
) -> tuple[int, T]:
    """The largest number, at most `most`, that passes, and what `confirm` gave of it; 0, and what it gave of 1, if not
    even that passes.

    What `probe` gives is short, so it may err. A number fails when it fails twice. A number that the probes pass is
    confirmed; if it fails then, the next candidate is a sixteenth smaller.

    >>> find_capacity(lambda n: n <= 11, lambda n: n <= 10, bool, 1000)
    (10, True)
    """

    def carried(streams: int) -> bool:
        return passed(probe(streams)) or passed(probe(streams))

    good, bad = 0, 1
    while bad <= most and carried(bad):
        good, bad = bad, 2 * bad
    bad = min(bad, most + 1)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if carried(middle) else (good, middle)
    good = max(good, 1)
    while not passed(confirmed := confirm(good)) and good > 1:
        good -= max(1, good // 16)
    return good if passed(confirmed) else 0, confirmed
