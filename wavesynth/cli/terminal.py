"""What commands write: text that is never taken for markup, nor for commands to the terminal, wherever it comes from.

Names, paths and what a service says of itself are anybody's: all of a command's output goes through here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from wavesynth.checks import UNPRINTABLE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["describe", "printable", "say", "terminal", "track"]

T = TypeVar("T")

#: Seconds of work of which nothing is said where there is no terminal.
SECONDS_BEFORE_A_LINE = 2
#: Seconds between lines of longer work: enough to see that it goes on, few enough for a log.
SECONDS_BETWEEN_LINES = 15


def printable(text: str) -> str:
    """`text` with an escape, such as \\x1b, for each character that a terminal would obey instead of showing."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: object = "", *, err: bool = False) -> None:
    """Writes a line to standard output, or to standard error."""
    typer.echo(printable(str(text)), err=err)


def terminal(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Standard output, or standard error, for tables and for what moves. Strings are shown as they are."""
    from rich.console import Console

    class Literal(Console):
        def render_str(self, text: str, **options: Any) -> Any:
            return super().render_str(printable(text), **options | {"markup": False, "emoji": False})

        def status(self, status: Any, **options: Any) -> Any:
            spinner = "line" if self.options.ascii_only else "dots"
            return super().status(status, **{"spinner": spinner} | options)

    return Literal(stderr=stderr, quiet=quiet)


def describe(entries: Iterable[tuple[str, str]]) -> None:
    """Writes names to standard output, each beside its description, whose lines are wrapped."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for name, description in entries:
        grid.add_row(name, description)
    terminal().print(grid)


def _progress() -> Progress:
    """Bars on standard error, with how far they are and when they will be done."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=terminal(stderr=True),
    )


def track(items: Iterable[T], description: str, total: float | None = None) -> Iterator[T]:
    """The items, with such a bar for how many of them are done, or now and then a line where there is no terminal."""
    if not terminal(stderr=True).is_terminal:
        yield from _with_lines(items, description, total)
        return
    with _progress() as bar:
        yield from bar.track(items, total, description=printable(description))


def _with_lines(items: Iterable[T], description: str, total: float | None) -> Iterator[T]:
    of = f"/{len(items) if total is None and isinstance(items, Sized) else total or '?'}"
    description = description.strip()
    due = time.monotonic() + SECONDS_BEFORE_A_LINE
    begun = threading.Timer(SECONDS_BEFORE_A_LINE, say, [f"{description}: 0{of}"], {"err": True})
    begun.daemon = True
    begun.start()  # the first item may be all the work
    try:
        for done, item in enumerate(items):
            begun.cancel()
            yield item
            if time.monotonic() >= due:
                say(f"{description}: {done + 1}{of}", err=True)
                due = time.monotonic() + SECONDS_BETWEEN_LINES
    finally:
        begun.cancel()
