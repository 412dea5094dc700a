"""What only an extra of the package installs, imported when it is used."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["DISTRIBUTION", "extra", "install_command"]

#: What pip knows the package by. `wavesynth` alone is somebody else's package there.
DISTRIBUTION = "wavesynth-neural"


def install_command(extra: str) -> str:
    """The command that adds an extra to the installation that runs this: pip takes its version, and adds what lacks.

    >>> install_command("live")
    "pip install 'wavesynth-neural[live]'"
    """
    return f"pip install '{DISTRIBUTION}[{extra}]'"


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """For imports of what the extra `name` brings, without their warnings; OSError, saying what of it `what` needs and
    how to install it, where something is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImportError as error:
        raise OSError(f"{what} needs {error.name}, which is missing: {install_command(name)}") from error
