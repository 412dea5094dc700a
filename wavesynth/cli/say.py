"""wavesynth say: text read aloud, heard or written while it is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from wavesynth.cli.sinks import FileSink, Sink, print_timing, sink_of
from wavesynth.cli.standard_input import typed
from wavesynth.cli.terminal import track

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["say"]


def say(
    text: Annotated[
        str,
        typer.Argument(help="What to say; if not given, or -, what comes on standard input, as it comes."),
    ] = "-",
    file: Annotated[Path | None, typer.Option(help="File of the text, UTF-8, instead.")] = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="File: .wav, .flac, .ogg or .mp3; - for raw 16-bit PCM on standard output. "
            "If not given, it is played."
        ),
    ] = None,
    voice: Annotated[
        str, typer.Option(help="Name or folder of a voice; one that takes text if not given.")
    ] = "",
    ssml: Annotated[bool, typer.Option("--ssml", help="The text is SSML.")] = False,
    rate: Annotated[float, typer.Option(help="How fast: 0.25 to 4, 1 as the voice learned it.")] = 1.0,
    pitch: Annotated[float, typer.Option(help="Factor of the pitch: 0.5 to 2.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same audio.", min=0, max=2**64 - 1)] = 0,
    temperature: Annotated[
        float | None, typer.Option(help="0.1 (most likely) to 2, 1 as trained; the voice's own if not given.")
    ] = None,
    speaker: Annotated[str, typer.Option(help="One of the voice's speakers.")] = "",
    address: Annotated[
        str | None,
        typer.Option(help="A service, host:port, that is to say it; if not given, this process does."),
    ] = None,
    token_file: TokenFile = None,
    certificates: Certificates = None,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Reads text aloud while it comes, without a server; prints how fast it was at the end.

    Example: wavesynth say "The quick brown fox jumps over the lazy dog."
    """
    if file is not None and text != "-":
        fail("--file is given, and a text too; one of them must be left out")
    with one_sentence_errors():
        import time

        from wavesynth.clients.timing import Timing

        read = (file, token_file, certificates, client_cert, client_key)
        sink = _sink(out, read)
        given: dict[str, Any] = {
            "text": _text(text, file),
            "markup": "ssml" if ssml else "plain",
            "rate": rate,
            "pitch": pitch,
            "seed": seed,
            "temperature": temperature,
            "speaker": speaker,
        }
        timing = Timing(time.monotonic())

        def made() -> Iterator[None]:
            """Takes the chunks as they come; an item for each second of audio that is begun."""
            begun = 0
            if address is None:
                chunks = _here(voice, given, timing)
            else:
                chunks = _there(voice, given, address, token_file, certificates, client_cert, client_key)
            for samples, sample_rate in chunks:
                timing.arrived(time.monotonic(), len(samples), sample_rate)
                sink.write(samples, sample_rate)
                while begun * sample_rate < timing.samples:
                    begun += 1
                    yield

        with sink:
            shown = isinstance(sink, FileSink) and not as_json
            for _ in track(made(), "seconds made") if shown else made():
                pass
    print_timing("" if out in (None, "-") else f"{out}: ", timing.figures(), as_json)


def _sink(out: str | None, read: Iterable[Path | None]) -> Sink:
    try:
        return sink_of(out, read, "playing")
    except OSError as error:
        if out is not None:
            raise
        raise OSError(f"{error}; or give --out FILE") from error


def _text(text: str, file: Path | None) -> str | Iterator[str]:
    """The text, or its pieces as they come."""
    if file is not None:
        from wavesynth.files import read_text

        return read_text(file)
    return typed() if text == "-" else text


def _here(voice: str, given: dict[str, Any], timing: Any) -> Iterator[tuple[NDArray[np.float32], int]]:
    """The chunks that this process makes, with their rate. The clock starts when the voice is loaded."""
    import time

    from wavesynth.synthesizer import Synthesizer

    with Synthesizer(voice or _a_reader()) as synthesizer:
        timing.started = time.monotonic()
        with synthesizer.stream(**given) as stream:
            for samples in stream:
                yield samples, synthesizer.sample_rate


def _a_reader() -> str:
    """The voice for those who name none: the cheapest that ships and takes text."""
    from wavesynth.engine.voice_choice import default_voice
    from wavesynth.voices.folders import shipped_readers
    from wavesynth.voices.voice import load_voice

    names = shipped_readers()
    if len(names) == 1:
        return names[0]
    if not names:
        raise ValueError("no voice that ships takes text; --voice must be the folder of one that does")
    return default_voice(map(load_voice, names), text=True)


def _there(
    voice: str, given: dict[str, Any], address: str, *credentials: Path | None
) -> Iterator[tuple[NDArray[np.float32], int]]:
    """The chunks that the service at `address` makes, with their rate."""
    from wavesynth.clients.client import ServiceError

    with connect(address, *credentials) as client:
        try:
            for chunk in client.stream(voice, **given).chunks():
                yield chunk.samples, chunk.sample_rate
        except ServiceError as error:
            not_served(address, error)
