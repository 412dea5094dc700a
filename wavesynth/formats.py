"""The format number in the description of a voice or of a model of images.

Every number that was ever written is read for ever. A description has exactly the fields of its format: a field that
this version does not know could change what is made, so it is refused and not ignored. From format 2 of voices on,
`wavesynth` names the version that wrote the file, so that an older one can say what it takes to read it.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

from wavesynth.extras import DISTRIBUTION

__all__ = ["check_fields", "check_format", "version"]


def version() -> str:
    """This wavesynth's version."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "unknown"


def check_format(what: str, description: Any, newest: int) -> int:
    """The format of the description `what`, 1 to `newest`; ValueError, with the version that it takes, for another."""
    if not isinstance(description, dict):
        raise ValueError(f"{what} is {type(description).__name__}; it must be an object")
    number = description.get("format")
    later = False
    if isinstance(number, int) and not isinstance(number, bool):
        if 1 <= number <= newest:
            return number
        later = number > newest
    message = f"format is {number!r}; wavesynth {version()} reads {'1' if newest == 1 else f'1 to {newest}'}"
    if later:
        writer = description.get("wavesynth")
        needed = f"{writer}, which wrote it, or newer" if isinstance(writer, str) else "a newer version"
        message += f": install {needed}"
    raise ValueError(message)


def check_fields(what: str, values: Any, names: set[str]) -> None:
    """ValueError unless `values` is an object of these fields."""
    if not isinstance(values, dict):
        raise ValueError(f"{what} is {type(values).__name__}; it must be an object")
    if missing := sorted(names - set(values)):
        raise ValueError(f"{what} lacks {', '.join(missing)}")
    if extra := sorted(set(values) - names):
        raise ValueError(f"{what} has {', '.join(extra)}, which it must not have")
