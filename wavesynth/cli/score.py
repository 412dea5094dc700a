"""wavesynth score: how well a voice predicts recordings, in bits/sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavesynth.cli.common import (
    Certificates,
    ClientCert,
    ClientKey,
    TokenFile,
    connect,
    fail,
    not_served,
    one_sentence_errors,
)
from wavesynth.cli.terminal import say, terminal, track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wavesynth.audio.score import Score

    #: Of a recording [N]: its score.
    Scorer = Callable[[NDArray[np.float32]], Score]

__all__ = ["score"]


def score(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings: wav, flac, mp3, m4a, g722, ...")],
    voice: Annotated[
        str, typer.Option(help="Name of a voice, or a voice's folder; the default if not given.")
    ] = "",
    speaker: Annotated[str, typer.Option(help="One of the voice's speakers; the first if not given.")] = "",
    server: Annotated[
        str, typer.Option(help="A service, host:port, that is to do it; this process if not given.")
    ] = "",
    arithmetic: Annotated[
        str,
        typer.Option(
            help="int8, as the fast samplers compute, or float32; as the voice is served if not given."
        ),
    ] = "",
    csv: Annotated[Path | None, typer.Option(help="CSV file to write: bits/sample of each frame.")] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="PNG file to write: the recording's spectrogram, and each frame's bits below it."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Cores to use; all if not given.", min=1, max=256)
    ] = None,
    token_file: TokenFile = None,
    certificates: Certificates = None,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Says how many bits each sample of recordings costs under a voice: the fewer, the better it predicts them.

    A sample costs -log2 of the probability that the voice gives it, given all samples before it and the log-mel of the
    recording. Figures of voices can be compared if they tell the same values apart: as many μ-law classes, after the
    same pre-emphasis.

    Example: wavesynth score speech.wav --voice allison-small --picture speech.png
    """
    with one_sentence_errors():
        from wavesynth.audio.files import load
        from wavesynth.files import atomic_path, check_output, shown

        files = token_file, certificates, client_cert, client_key
        sources = (*recordings, *files)
        if picture:
            from wavesynth.audio.plots import save_score

            check_output(picture, ".png", name="picture", sources=sources)
            if len(recordings) > 1:
                fail(f"--picture is of one recording, and {len(recordings)} are given")
        if csv:
            check_output(csv, ".csv", name="csv", sources=sources)
        if server and arithmetic:
            fail("--arithmetic is for a voice in this process; a service computes as it serves")
        opened = _served(server, voice, speaker, *files) if server else None
        found: list[tuple[str, Score]] = []
        with opened or _here(voice, speaker, arithmetic, threads) as (sample_rate, scorer):
            for path in track(recordings, "scoring", len(recordings)):
                recording = load(path, sample_rate)
                for note in recording.notes:
                    say(f"wavesynth: {shown(path)} {note}", err=True)
                try:
                    found.append((str(path), scorer(recording.waveform)))
                except ValueError as error:
                    raise ValueError(f"{shown(path)}: {error}") from error
                if picture:
                    save_score(picture, recording.waveform, found[-1][1], shown(path))
        if csv:
            with atomic_path(csv) as temporary:
                temporary.write_text(_csv(found), encoding="utf-8")
    _print(found, as_json)


@contextmanager
def _here(voice: str, speaker: str, arithmetic: str, threads: int | None) -> Iterator[tuple[int, Scorer]]:
    """The rate that recordings are to have, and what scores them in this process."""
    from wavesynth.engine.scoring import arithmetic_of
    from wavesynth.engine.scoring import score as scored
    from wavesynth.engine.voice_choice import default_voice
    from wavesynth.voices.folders import SHIPPED
    from wavesynth.voices.loaded import read_voices
    from wavesynth.voices.voice import load_voice
    from wavesynth.workers import cores

    loaded = load_voice(voice or default_voice(read_voices(SHIPPED).values()))
    loaded.speaker_number(speaker)
    arithmetic = arithmetic_of(loaded, arithmetic)
    yield (
        loaded.sample_rate,
        lambda waveform: scored(loaded, waveform, speaker, arithmetic, threads or cores()),
    )


@contextmanager
def _served(address: str, voice: str, speaker: str, *files: Path | None) -> Iterator[tuple[int, Scorer]]:
    """The rate that recordings are to have, and what has the service at `address` score them."""
    from wavesynth.clients.client import ServiceError

    with connect(address, *files) as client:
        try:
            listed = client.voices()
            rates = {one.name: one.sample_rate for one in listed.voices}
            rate = rates.get(
                voice or listed.default_voice, 16000
            )  # of a name that it does not have, it says so
            yield rate, lambda waveform: client.score(waveform, voice, speaker=speaker, sample_rate=rate)
        except ServiceError as error:
            not_served(address, error)


def _csv(found: list[tuple[str, Score]]) -> str:
    """A line for each frame; with the file's name if there is more than one file."""
    if len(found) == 1:
        return found[0][1].to_csv()
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for number, (name, its) in enumerate(found):
        head, *rows = its.to_csv().splitlines()
        if not number:
            writer.writerow(["file", *head.split(",")])
        writer.writerows([name, *row.split(",")] for row in rows)
    return text.getvalue()


def _print(found: list[tuple[str, Score]], as_json: bool) -> None:
    if as_json:
        import json

        say(json.dumps({"recordings": [{"file": name} | its.to_json() for name, its in found]}))
        return
    from rich.table import Table

    first = found[0][1]
    who = f"{first.voice} ({first.speaker})" if first.speaker else first.voice
    table = Table(f"under {who}, in {first.arithmetic}")
    for column in ("seconds", "bits/sample", "bits"):
        table.add_column(column, justify="right")
    for name, its in found:
        table.add_row(name, f"{its.seconds:.2f}", f"{its.bits_per_sample:.4f}", f"{its.bits:.0f}")
    if len(found) > 1:
        samples, bits = sum(its.samples for _, its in found), sum(its.bits for _, its in found)
        seconds = samples / first.sample_rate
        table.add_row("all", f"{seconds:.2f}", f"{bits / samples:.4f}", f"{bits:.0f}")
    terminal().print(table)
