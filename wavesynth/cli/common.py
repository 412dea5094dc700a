"""What every command shares: how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

__all__ = ["fail", "one_sentence_errors"]


def fail(message: object) -> NoReturn:
    """Ends the command with exit code 1 and one sentence on standard error."""
    typer.echo(f"wavesynth: {message}", err=True)
    raise typer.Exit(1)


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Turns what bad input raises (ValueError, OSError) into `fail`; a fault of ours keeps its traceback."""
    try:
        yield
    except (ValueError, OSError) as error:
        fail(error)
