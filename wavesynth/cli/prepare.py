"""wavesynth prepare: a folder of recordings to a training set."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say, terminal, track

__all__ = ["figures", "prepare", "print_dataset"]


def prepare(
    folder: Annotated[
        Path, typer.Argument(help="Folder of recordings (wav, flac, mp3, m4a, g722, ...), at any depth.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder for the training set.")],
    test_list: Annotated[
        Path | None,
        typer.Option(
            help="Text file of the recordings to hold out, instead of a twentieth of them, by name."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out recordings whose name matches this pattern. Repeatable."),
    ] = None,
    transcripts: Annotated[
        Path | None,
        typer.Option(
            help="Table (TSV) of what is said: columns file, text and, if there are any, phonemes. Kept beside the set."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Turns a folder of recordings into a 16 kHz training set, split into train, validation and test.

    Silence is trimmed, long recordings are cut, and what cannot be used is named with its reason. Run again,
    it does only what is new; interrupted, it goes on where it was.

    Example: wavesynth prepare recordings/alice datasets/alice
    """
    from wavesynth.data.prepare import Options
    from wavesynth.data.prepare import prepare as prepare_folder
    from wavesynth.data.split import read_test_list
    from wavesynth.data.transcripts import keep_transcripts, read_transcripts
    from wavesynth.workers import cores

    with one_sentence_errors():
        options = Options(test=read_test_list(test_list) if test_list else None, exclude=tuple(exclude or ()))
        spoken = read_transcripts(transcripts) if transcripts else None
        dataset = prepare_folder(folder, out, options, track, cores())
        if spoken is not None:
            dataset["notes"] = [*dataset["notes"], keep_transcripts(out, dataset, spoken)]
    if as_json:
        say(json.dumps(figures(dataset)))
    else:
        print_dataset(dataset)


def figures(dataset: dict[str, Any]) -> dict[str, Any]:
    """What a command says of a prepared folder, from what its dataset.json says."""
    counts = Counter(file["split"] for file in dataset["files"])
    sources = len({file["source"] for file in dataset["files"]})
    splits = {name: {"files": counts[name], "seconds": s} for name, s in dataset["seconds"].items()}
    same = ("skipped", "damaged", "ignored", "offsets", "near_copies", "notes")
    return {"usable": sources, "splits": splits, **{name: dataset[name] for name in same}}


def print_dataset(dataset: dict[str, Any]) -> None:
    """Writes `figures` as tables and sentences."""
    from rich.table import Table

    from wavesynth.files import shown

    found = figures(dataset)
    console = terminal()
    console.print(f"{found['usable']} recordings usable, {len(found['skipped'])} skipped")
    table = Table("split")
    table.add_column("files", justify="right")
    table.add_column("minutes", justify="right")
    for name, split in found["splits"].items():
        table.add_row(name, str(split["files"]), f"{split['seconds'] / 60:.1f}")
    console.print(table)
    if offsets := found["offsets"]:
        most = max(offsets, key=lambda source: abs(offsets[source]))
        level = f"{abs(offsets[most]):.2g} of full scale"
        say(f"A DC offset was removed from {len(offsets)} recordings, up to {level} ({shown(most)})")
    for note in found["notes"]:
        say(f"{note[0].upper()}{note[1:]}")
    for kind in ("skipped", "damaged", "ignored"):
        if found[kind]:
            left_out = Table(kind, "reason")
            for entry in found[kind]:
                left_out.add_row(shown(entry["source"]), entry["reason"])
            console.print(left_out)
