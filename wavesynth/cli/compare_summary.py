"""wavesynth compare summary: the preference of those who listened, with its interval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say, terminal

__all__ = ["summary"]


def summary(
    results: Annotated[list[Path], typer.Argument(help="Results that listeners saved: .tsv or .json.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Says how often each set was preferred, with the 95 % interval of that share.

    The interval is Wilson's score interval. It takes judgements for independent: with few listeners who judge many
    pairs each, it is about these listeners and not about all people.

    Example: wavesynth compare summary listening-anna.tsv listening-ben.tsv
    """
    with one_sentence_errors():
        from wavesynth.evaluation.listening.judgements import read_judgements, summarise

        found = summarise(read_judgements(results))
    if as_json:
        import json
        from dataclasses import asdict

        say(json.dumps({"preferences": [asdict(one) for one in found]}))
        return
    from rich.table import Table

    table = Table("preferred", "to")
    for column in ("share", "95 % interval", "judgements", "listeners"):
        table.add_column(column, justify="right")
    for one in found:
        interval = f"{100 * one.low:.1f} to {100 * one.high:.1f} %"
        table.add_row(
            one.a, one.b, f"{100 * one.share:.1f} %", interval, str(one.judgements), str(one.listeners)
        )
    terminal().print(table)
    for one in found:
        better = one.a if one.share > 0.5 else one.b
        said = (
            f"{better} was preferred"
            if one.differs
            else "no difference is shown: one half is in the interval"
        )
        terminal().print(f"{one.a} and {one.b}: {said}", soft_wrap=True)
