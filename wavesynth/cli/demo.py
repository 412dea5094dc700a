"""wavesynth demo: a held-out recording spoken again by a trained voice, and a text read, over a real server."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from wavesynth.cli.common import fail, one_sentence_errors
from wavesynth.cli.terminal import say
from wavesynth.extras import is_installed, missing

__all__ = ["HELD_OUT", "demo", "print_figures"]

#: A recording that no shipped voice has seen: Allison Smith, CC-BY-SA-3.0; see docs/guide/data.md.
HELD_OUT = Path(__file__).parents[1] / "data" / "held_out" / "vm-newuser.flac"

_PICTURE = "spectrograms.png"
#: What is read aloud, by a voice that takes text, and the file of it.
_TEXT = "This sentence was made by a neural network, 16,000 samples a second."
_READ = "text.wav"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the audio and the picture.")] = Path("demo"),
    voice: Annotated[str, typer.Option(help="Name of a voice; the default if not given.")] = "",
    audio: Annotated[Path, typer.Option(help="Recording to be spoken again.")] = HELD_OUT,
    seed: Annotated[int, typer.Option(help="The same seed gives the same audio.", min=0, max=2**64 - 1)] = 0,
    temperature: Annotated[
        float | None, typer.Option(help="0.1 (most likely) to 2, 1 as trained; the voice's own if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Starts a server, sends it a recording over gRPC, and writes what the voice makes of it; then has it read a text.

    OUT/original.wav, OUT/wavesynth.wav and OUT/text.wav to hear; with Matplotlib, OUT/spectrograms.png to see. Ends by
    itself.

    Example: wavesynth demo --voice allison --out demo
    """
    with one_sentence_errors():
        import time

        import numpy as np

        from wavesynth.audio.files import read, write_wav
        from wavesynth.cli.local_server import local_server
        from wavesynth.clients.client import Client, ServiceError
        from wavesynth.clients.timing import Timing
        from wavesynth.files import check_output
        from wavesynth.voices.folders import find_voices

        if voice and voice not in (names := find_voices()):
            raise ValueError(f"--voice is {voice!r}; the voices are {', '.join(names)}")
        for name in ("original.wav", "wavesynth.wav", _READ, _PICTURE):
            check_output(out / name, sources=[audio])
        original = read(audio)
        chunks, read_aloud = [], None
        say("starting a server ...", err=True)
        # As many streams as it needs: how many the machine carries takes a new one a while to find out.
        with local_server("--live-streams", "1") as server, Client(server.address) as client:
            try:
                served = client.voices()
                name = voice or served.default_voice
                say(f"{name} speaks {audio.name} again, over gRPC at {server.address}", err=True)
                timing = Timing(time.monotonic())
                call = client.stream(name, audio=original, seed=seed, temperature=temperature)
                for chunk in call.chunks():
                    timing.arrived(time.monotonic(), len(chunk.samples), chunk.sample_rate)
                    chunks.append(chunk.samples)
                if any(one.text for one in served.voices):
                    say(f"and a voice that takes text reads: {_TEXT}", err=True)
                    read_aloud = client.synthesize(text=_TEXT, seed=seed)
            except ServiceError as error:
                fail(error)
        made = np.concatenate(chunks)
        write_wav(out / "original.wav", original)
        write_wav(out / "wavesynth.wav", made)
        if read_aloud is not None:
            write_wav(out / _READ, read_aloud.samples, read_aloud.sample_rate)
        else:
            (out / _READ).unlink(missing_ok=True)
        _draw(out / _PICTURE, {f"original: {audio.name}": original, f"wavesynth: {name}": made})
    figures = {"voice": name, **timing.figures(), "out": str(out)}
    if as_json:
        import json

        say(json.dumps(figures))
    else:
        print_figures(figures)


def _draw(path: Path, waveforms: dict[str, Any]) -> None:
    """Draws the spectrograms where there is what draws, and else leaves no picture of another run."""
    if is_installed("matplotlib"):
        from wavesynth.audio.plots import save_spectrograms

        save_spectrograms(path, waveforms)
    else:
        path.unlink(missing_ok=True)


def print_figures(figures: dict[str, Any]) -> None:
    """Prints what `demo` has measured and where its files are, and how `wavesynth` comes onto the PATH if it is not."""
    gaps = figures["chunk_gap_ms"]
    say(f"time to first audio  {figures['time_to_first_audio_ms']:7.1f} ms")
    say(f"real-time factor     {figures['real_time_factor']:7.2f} (seconds of audio made in a second)")
    say(
        f"gap between chunks   {gaps['p50']:7.1f} ms median, {gaps['p99']:.1f} ms p99, {gaps['max']:.1f} ms longest"
    )
    say(
        f"underruns            {figures['underruns']:7d} in {figures['seconds']:.2f} s, of a player that begins with "
        f"{figures['player_buffer_ms']:.0f} ms in hand"
    )
    out = Path(figures["out"])
    for name, what in (
        ("original.wav", "hear"),
        ("wavesynth.wav", "hear"),
        (_READ, "hear"),
        (_PICTURE, "see"),
    ):
        if (out / name).exists():
            say(f"{what:5}{out / name}")
    if not (out / _PICTURE).exists():
        say(missing("matplotlib", "a picture of both"))
    activate = Path(sys.prefix) / "bin" / "activate"
    if shutil.which("wavesynth") is None and activate.is_file():
        say(f". {shlex.quote(str(activate))} puts wavesynth on this terminal's PATH")
