"""What a network's shape may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["check_whole"]


def check_whole(config: Any, limits: Mapping[str, tuple[int, int]]) -> None:
    """ValueError, naming the field, unless each of these fields of `config` is a whole number within its limits."""
    for name, (low, high) in limits.items():
        value = getattr(config, name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{name} is {value!r}; it must be a whole number from {low} to {high}")
