"""wavesynth live: speak, and hear a voice say it."""

from __future__ import annotations

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
from wavesynth.cli.terminal import say, terminal

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Group

    from wavesynth.clients.live.devices import Device
    from wavesynth.clients.live.session import Live
    from wavesynth.clients.live.taps import Impulses, Recorder

__all__ = ["live"]

#: The voice that copies whoever speaks, where it is served. (The impulses of --measure-latency are nobody's speech.)
_WHOEVER = "anyone"


def live(
    voice: Annotated[
        str,
        typer.Argument(
            help="Name of a voice; `anyone` if it is served, else the service's default, if not given."
        ),
    ] = "",
    address: Annotated[str, typer.Option(help="The service, host:port.")] = "localhost:50051",
    token_file: TokenFile = None,
    certificates: Certificates = None,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
    devices: Annotated[bool, typer.Option("--devices", help="List the devices, and end.")] = False,
    microphone: Annotated[str | None, typer.Option(help="Number of a device, or part of its name.")] = None,
    loudspeaker: Annotated[str | None, typer.Option(help="Number of a device, or part of its name.")] = None,
    rate: Annotated[
        int | None,
        typer.Option(help="Rate of both devices, in hertz; the voice's if they can.", min=8000, max=96_000),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Folder to write microphone.wav and voice.wav to.")
    ] = None,
    measure_latency: Annotated[
        bool,
        typer.Option("--measure-latency", help="Send an impulse a second, and print how long they take."),
    ] = False,
    seconds: Annotated[float | None, typer.Option(help="End after so long; else on Ctrl-C.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same audio.", min=0, max=2**64 - 1)] = 0,
    temperature: Annotated[
        float | None, typer.Option(help="0.1 (most likely) to 2, 1 as trained; the voice's own if not given.")
    ] = None,
    correction: Annotated[
        bool,
        typer.Option(
            "--correction",
            help="Filter towards the wanted log-mel: nearer, and later: by 66 to 186 ms, as the voice has it.",
        ),
    ] = False,
    speaker: Annotated[str, typer.Option(help="One of the voice's speakers.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures at the end as JSON.")] = False,
) -> None:
    """Streams the microphone to a service and plays the answer while you speak; Ctrl-C ends it.

    Use headphones: a microphone that hears the loudspeaker speaks to itself. The latency is from the microphone's
    block to the loudspeaker's, without the devices' own buffers.

    Example: wavesynth live --record session/
    """
    with one_sentence_errors():
        import gc
        from contextlib import nullcontext

        from rich.live import Live as Screen

        from wavesynth.clients import ServiceError
        from wavesynth.clients.live.devices import choose
        from wavesynth.clients.live.session import Live
        from wavesynth.clients.live.taps import Impulses, Recorder
        from wavesynth.files import check_output

        if devices:
            _list_devices()
            return
        if measure_latency and record:
            fail("--measure-latency and --record are both given; an impulse is nothing to record")
        if record:
            for file in ("microphone.wav", "voice.wav"):
                check_output(record / file)
        with connect(address, token_file, certificates, client_cert, client_key) as client:
            try:
                found = client.voices()
                rates = {known.name: known.sample_rate for known in found.voices}
                whoever = _WHOEVER if _WHOEVER in rates and not measure_latency else found.default_voice
                name = voice or whoever
                if name not in rates:
                    fail(f"voice is {name!r}; the voices are {', '.join(rates)}")
                source = choose("input", microphone, rate, rates[name])
                sink = choose("output", loudspeaker, rate, rates[name])
                tap: Impulses | Recorder | None = None
                if measure_latency:
                    tap = Impulses(source.rate, sink.rate)
                elif record:
                    tap = Recorder(record, source.rate, rates[name])
                options: Any = {
                    "seed": seed, "temperature": temperature, "correction": correction, "speaker": speaker
                }  # fmt: skip
                session = Live(client, name, rates[name], source, sink, options, tap, found.max_seconds)
                _stop_on_signals(session)
                console = terminal(stderr=True)
                say(
                    f"{name}: {source.name} → {address} → {sink.name}; use headphones; Ctrl-C ends it",
                    err=True,
                )
                screen = Screen(console=console, transient=True) if console.is_terminal else None
                length = seconds or (10.0 if measure_latency else None)
                gc.collect()
                gc.freeze()  # to go through all that is loaded takes longer than the jitter buffer lasts
                with screen or nullcontext(), tap if isinstance(tap, Recorder) else nullcontext():
                    session.run(lambda: screen.update(_meters(session)) if screen else None, length)
            except ServiceError as error:
                not_served(address, error)
    _print(session, tap, source, sink, as_json)


def _list_devices() -> None:
    from wavesynth.clients.live.devices import devices

    found = [*devices("input"), *devices("output")]
    if not found:
        raise OSError("there are no audio devices on this machine")
    for device in found:
        kind = "microphone" if device.kind == "input" else "loudspeaker"
        default = " (default)" if device.default else ""
        say(f"{kind:12}{device.index:3}  {device.name}, {device.rate} Hz{default}")


def _stop_on_signals(session: Live) -> None:
    """Has Ctrl-C and SIGTERM end the session as it is meant to end, with its figures; a second one ends the process."""
    import signal

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        session.stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _meters(session: Live) -> Group:
    """What is shown while it goes on."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    from wavesynth.clients.live.pace import too_slow

    meters, buffer = session.meters, session.buffer
    table = Table.grid(padding=(0, 1))
    for name, level in (("microphone", meters.microphone), ("voice", meters.loudspeaker)):
        decibels = _decibels(level)
        table.add_row(name, ProgressBar(60, max(0.0, 60 + decibels), width=40), f"{decibels:5.0f} dB")
    state = "connected" if session.relay.connected else "looking for the service"
    table.add_row(
        "latency",
        f"{1000 * meters.latency:.0f} ms, of which {1000 * buffer.level:.0f} ms in the buffer",
        f"{buffer.underruns} underruns, drift {1e6 * buffer.drift:+.0f} ppm, {state}",
    )
    return Group(table, *filter(None, [too_slow(session.pace())]))


def _decibels(level: float) -> float:
    import math

    return 20 * math.log10(max(level, 1e-3))


def _print(
    session: Live, tap: Impulses | Recorder | None, source: Device, sink: Device, as_json: bool
) -> None:
    from wavesynth.clients.live.pace import too_slow
    from wavesynth.clients.live.taps import Impulses
    from wavesynth.clients.timing import percentiles

    meters, buffer = session.meters, session.buffer
    figures: dict[str, Any] = {
        "microphone": {"name": source.name, "rate": source.rate},
        "loudspeaker": {"name": sink.name, "rate": sink.rate, "buffer_ms": 1000 * meters.own_buffer},
        "seconds": len(meters.latencies),
        "latency_ms": percentiles(meters.latencies),
        "underruns": buffer.underruns,
        "skipped_ms": 1000 * buffer.skipped,
        "overflows": meters.overflows,
        "underflows": meters.underflows,
        "interruptions": session.relay.interruptions,
        "calls": session.relay.calls,
        "drift_ppm": 1e6 * buffer.drift,
        "margin_ms": 1000 * buffer.margin,
        "service_rate": session.relay.service_rate,
        "too_slow": too_slow(session.pace()),
    }
    if isinstance(tap, Impulses):
        impulses = tap.latencies()
        if not impulses:
            fail("no impulse came back; is the voice able to make a sound of one?")
        figures["impulses"] = len(impulses)
        figures["impulse_latency_ms"] = percentiles(impulses)
    if figures["too_slow"]:
        say(figures["too_slow"], err=True)
    if as_json:
        import json

        say(json.dumps(figures))
        return
    if "impulses" in figures:
        latency = figures["impulse_latency_ms"]
        say(
            f"microphone to loudspeaker: {latency['p50']:.1f} ms (median of {figures['impulses']} impulses), "
            f"longest {latency['max']:.1f} ms; the devices' own buffers not counted"
        )
    latency = figures["latency_ms"]
    say(
        f"latency {latency['p50']:.1f} ms, 95 % below {latency['p95']:.1f} ms; {buffer.underruns} underruns; "
        f"{meters.overflows} overflows of the microphone, {meters.underflows} underflows of the loudspeaker; "
        f"{session.relay.interruptions} interruptions, drift {figures['drift_ppm']:+.0f} ppm"
    )
