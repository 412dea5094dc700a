"""wavesynth compare page: an HTML file on which people judge pairs by ear."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say

__all__ = ["page"]


def page(
    first: Annotated[
        Path, typer.Argument(help="Folder of recordings, or a report of wavesynth evaluate.", metavar="A")
    ],
    second: Annotated[
        Path, typer.Argument(help="Another one, with recordings of the same names.", metavar="B")
    ],
    out: Annotated[Path, typer.Option(help="HTML page to write.")],
    original: Annotated[
        Path | None,
        typer.Option(
            help="Folder of what both are copies of, to be heard beside them; a report brings its own."
        ),
    ] = None,
    question: Annotated[
        str, typer.Option(help="What listeners are asked.")
    ] = "Which recording sounds more natural?",
    pairs: Annotated[int, typer.Option(help="At most so many pairs.", min=1, max=1000)] = 20,
) -> None:
    """Makes a page on which people compare two sets of recordings, blind, with the keys 1 and 2.

    The page holds its audio, and needs no network. Pairs come in random order, and the takes of a pair are equally
    loud. Listeners save their results as a file at the end; wavesynth compare summary puts them together.

    Example: wavesynth compare page report-a.html report-b.html --out listening.html
    """
    with one_sentence_errors():
        from wavesynth.checks import UNPRINTABLE
        from wavesynth.evaluation.listening.page import write_page
        from wavesynth.evaluation.listening.sets import names_of, pairs_of, read_set
        from wavesynth.files import check_output

        check_output(out, ".html", ".htm", sources=(first, second))
        if not question.strip() or len(question) > 300 or UNPRINTABLE.search(question):
            raise ValueError("question must be 1 to 300 printable characters")
        sets = read_set(first), read_set(second)
        names = names_of(*sets, (first, second))
        if names[0] == names[1]:
            raise ValueError(f"{first} is compared with itself; A and B must be two sets")
        made, alone = pairs_of(*sets, read_set(original) if original else None, pairs)
        if alone:
            more = f" and {len(alone) - 3} more" if len(alone) > 3 else ""
            say(f"in one of the sets only, and left out: {', '.join(alone[:3])}{more}", err=True)
        write_page(out, made, names, question.strip())
    say(f"{out} has {len(made)} pairs of {names[0]} and {names[1]}")
