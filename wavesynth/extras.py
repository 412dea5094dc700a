"""What only an extra of the package installs, imported when it is used."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["extra"]


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """For imports of what the extra `name` brings, without their warnings; OSError, saying what of it `what` needs and
    how to install it, where something is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImportError as error:
        raise OSError(
            f"{what} needs {error.name}, which is missing: pip install 'wavesynth[{name}]'"
        ) from error
