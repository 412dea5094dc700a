"""wavesynth stream: audio from a service, heard or written while it is made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

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
from wavesynth.cli.sinks import FileSink, print_timing, sink_of
from wavesynth.cli.standard_input import typed
from wavesynth.cli.terminal import say, track

__all__ = ["stream"]

#: What the service says that a voice needs, and what that is on the command line.
_ADVICE = {
    "needs mel or audio": "needs a recording: give --audio FILE or --mel FILE",
    "takes duration_seconds and nothing else": "needs no recording: give --seconds",
}


def stream(
    voice: Annotated[str, typer.Argument(help="Name of a voice; the service's default if not given.")] = "",
    audio: Annotated[
        Path | None, typer.Option(help="Recording to be spoken again: wav, flac, mp3, m4a, g722, ...")
    ] = None,
    mel: Annotated[Path | None, typer.Option(help="NumPy file of log-mel frames [frames, bands].")] = None,
    text: Annotated[
        str | None, typer.Option(help="Text to be read aloud; - for that of standard input, as it comes.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Seconds to make, with a voice that needs nothing else.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(help="File: .wav, .flac, .ogg or .mp3; - for raw 16-bit PCM on standard output."),
    ] = None,
    play: Annotated[bool, typer.Option("--play", help="Play on the loudspeaker.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same audio.", min=0, max=2**64 - 1)] = 0,
    temperature: Annotated[
        float | None, typer.Option(help="0.1 (most likely) to 2, 1 as trained; the voice's own if not given.")
    ] = None,
    correction: Annotated[
        bool | None,
        typer.Option(
            "--correction/--no-correction",
            help="Filter towards the wanted log-mel, 36 to 186 ms later; as the voice has it if not given.",
        ),
    ] = None,
    speaker: Annotated[str, typer.Option(help="One of the voice's speakers.")] = "",
    address: Annotated[str, typer.Option(help="The service, host:port.")] = "localhost:50051",
    token_file: TokenFile = None,
    certificates: Certificates = None,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Streams audio from a service into a file, a pipe or the loudspeaker; prints how fast it came at the end.

    Example: wavesynth stream --audio speech.wav --out spoken-again.wav
    """
    if sum(source is not None for source in (audio, mel, seconds, text)) != 1:
        fail("exactly one of --audio, --mel, --text and --seconds must be given")
    if (out is None) != play:
        fail("one of --out and --play must be given, and not both")
    with one_sentence_errors():
        import time

        import grpc  # noqa: F401  (before the clock starts)

        from wavesynth.clients.client import ServiceError
        from wavesynth.clients.timing import Timing

        read = (audio, mel, token_file, certificates, client_cert, client_key)
        sink = sink_of(None if play else out, read, "--play")
        given = _given(audio, mel, seconds, text)
        timing = Timing(time.monotonic())
        with connect(address, token_file, certificates, client_cert, client_key) as client, sink:
            try:
                call = client.stream(
                    voice, seed=seed, temperature=temperature, correction=correction, speaker=speaker, **given
                )

                def made() -> Iterator[None]:
                    """Takes the chunks as they come; an item for each second of audio that is begun."""
                    begun = 0
                    for chunk in call.chunks():
                        timing.arrived(time.monotonic(), len(chunk.samples), chunk.sample_rate)
                        sink.write(chunk.samples, chunk.sample_rate)
                        while begun * chunk.sample_rate < timing.samples:
                            begun += 1
                            yield

                shown = isinstance(sink, FileSink) and not as_json  # others are heard, or read by a program
                for _ in track(made(), "seconds made", _seconds(given)) if shown else made():
                    pass
            except ServiceError as error:
                for needs, advice in _ADVICE.items():
                    if str(error).endswith(needs):
                        fail(f"{voice or 'the default voice'} {advice}")
                not_served(address, error)
    print_timing("" if play or out == "-" else f"{out}: ", timing.figures(), as_json)


def _given(audio: Path | None, mel: Path | None, seconds: float | None, text: str | None) -> dict[str, Any]:
    """What the call is made from, as keywords of the client."""
    if audio is not None:
        from wavesynth.audio.files import load
        from wavesynth.audio.pcm import pcm16
        from wavesynth.files import shown

        # At 16 kHz; the service takes it to the voice's rate, should that be another.
        recording = load(audio)
        for note in recording.notes:
            say(f"wavesynth: {shown(audio)} {note}", err=True)
        return {"audio": pcm16(recording.waveform), "sample_rate": 16000}
    if mel is not None:
        from wavesynth.audio.files import read_mel

        return {"mel": read_mel(mel)}
    if text is not None:
        return {"text": typed() if text == "-" else text}
    return {"seconds": seconds}


def _seconds(given: dict[str, Any]) -> int | None:
    """About how many seconds of audio come of it, the last one begun; None for text, of which nobody knows."""
    if "text" in given:
        return None
    if (seconds := given.get("seconds")) is None:
        seconds = len(given["mel"]) / 100 if "mel" in given else len(given["audio"]) / given["sample_rate"]
    return math.ceil(seconds)
