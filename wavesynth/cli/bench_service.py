"""wavesynth bench service: how a service feels to its listeners, and what it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say, track

if TYPE_CHECKING:
    from wavesynth.benchmarks.bare import BareSampler
    from wavesynth.benchmarks.listening import Listeners
    from wavesynth.benchmarks.service import ServiceBenchmark
    from wavesynth.clients.client import Client

__all__ = ["service"]


def service(
    streams: Annotated[int, typer.Option(help="Live streams at once.", min=1, max=10_000)] = 4,
    seconds: Annotated[float, typer.Option(help="How long they are.", min=1, max=240)] = 10.0,
    calls: Annotated[
        int, typer.Option(help="Short calls for the time to first audio.", min=1, max=10_000)
    ] = 100,
    load: Annotated[
        Literal["streaming", "bidirectional", "both"],
        typer.Option(
            help="Whether input comes with the request, in real time, or each for half of the streams."
        ),
    ] = "streaming",
    text: Annotated[
        bool, typer.Option("--text", help="The input is text, for a voice that takes it.")
    ] = False,
    find_capacity: Annotated[
        bool,
        typer.Option(
            "--find-capacity", help="Find the most streams without an underrun, instead of --streams."
        ),
    ] = False,
    voice: Annotated[str, typer.Option(help="Name of the voice; the default if not given.")] = "",
    voices: Annotated[Path | None, typer.Option(help="Folder of voices, instead of those that ship.")] = None,
    server_options: Annotated[
        str, typer.Option(help="Options of `wavesynth serve` for the server that is started.")
    ] = "",
    address: Annotated[
        str, typer.Option(help="Address of a service that runs already, instead of starting one.")
    ] = "",
    server_pid: Annotated[
        int | None, typer.Option(help="Process of the service at --address, if it runs here.", min=1)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Starts a server, loads it over gRPC, and measures it from the other end.

    Listeners are processes of their own. Parts, one after the other: short calls to an idle service, for the time to
    first audio; live streams that are heard in real time; the same with short calls beside them; an offline call
    against the bare sampler. Playback starts with 20 ms in hand, and an underrun is when the next sample is not there.
    `real_time_factor` is that of the offline call.

    Example: wavesynth bench service --streams 4 --seconds 120 --json
    """
    with one_sentence_errors():
        if server_pid is not None and not address:
            raise ValueError("--server-pid is given without --address; the server that is started is known")
        if address and server_options:
            raise ValueError(
                "--server-options are for a server that is started; --address names one that runs"
            )
        options = _words(server_options)
        from wavesynth.benchmarks.listening import listeners
        from wavesynth.benchmarks.service_report import Plan, measure_service
        from wavesynth.clients.client import Client, ServiceError

        plan = Plan(streams, seconds, calls, find_capacity)
        # The listeners' processes begin before this one has a channel.
        with (
            listeners() as processes,
            _server(address, server_pid, voices, options) as server,
            Client(server.address) as client,
        ):
            try:
                bench = _benchmark(processes, server, client, voice, load, text)
                bare = _bare(voices, bench.load.voice, optional=bool(address))
                result = measure_service(bench, client, bare, plan, _note)
            except ServiceError as error:
                raise ValueError(str(error)) from error
    result = {"voice": bench.load.voice, "load": load, "seconds": seconds, **result}
    if as_json:
        import json

        say(json.dumps(result))
        return
    for name, value in result.items():
        say(f"{name:42} {_text(value)}")


def _words(options: str) -> list[str]:
    """As a shell would cut them. Raises ValueError, naming the option, for quotes that do not close."""
    import shlex

    try:
        return shlex.split(options)
    except ValueError as error:
        raise ValueError(f"--server-options is {options!r}: {error}") from error


@dataclass(frozen=True)
class _Server:
    address: str
    pid: int | None
    log: Callable[[], list[str]]


@contextmanager
def _server(address: str, pid: int | None, voices: Path | None, options: list[str]) -> Iterator[_Server]:
    """The one at `address`, or one that is started."""
    from wavesynth.benchmarks.processor import usage
    from wavesynth.cli.local_server import local_server

    if address:
        if pid is not None:
            usage(pid)  # says if there is none
        yield _Server(address, pid, list)
        return
    of_voices = () if voices is None else ("--voices", voices)
    with local_server(*of_voices, *options) as server:
        yield _Server(server.address, server.pid, server.log)


def _benchmark(
    processes: Listeners, server: _Server, client: Client, name: str, load: str, text: bool = False
) -> ServiceBenchmark:
    """The benchmark of the voice of that name, or of the default one. Raises ValueError for what it cannot be."""
    from wavesynth.benchmarks.listening import Load
    from wavesynth.benchmarks.service import KINDS, ServiceBenchmark

    listed = client.voices()
    voices = {voice.name: voice for voice in listed.voices}
    readers = sorted((voice for voice in voices.values() if voice.text), key=lambda voice: voice.layers)
    default = readers[0].name if text and readers else listed.default_voice
    voice = voices.get(name or default)
    if voice is None:
        raise ValueError(f"--voice is {name!r}; the voices are {', '.join(voices)}")
    if text and not voice.text:
        able = ", ".join(reader.name for reader in readers) or "none here"
        raise ValueError(f"--text is given; voice {voice.name} takes no text, and those that do are {able}")
    if text and load != "streaming":
        raise ValueError(f"--load is {load}; with --text it must be streaming")
    takes_audio = voice.mel_bands > 0
    if not takes_audio and load != "streaming":
        raise ValueError(f"--load is {load}; {voice.name} takes a duration, so it must be streaming")
    calls = Load(server.address, voice.name, voice.sample_rate, takes_audio, text=text)
    return ServiceBenchmark(processes, calls, KINDS[load], track, server.pid, server.log)


def _bare(voices: Path | None, name: str, optional: bool) -> BareSampler | None:
    """The voice's sampler in this process; None if it is `optional` and not among the voices here."""
    from wavesynth.benchmarks.bare import BareSampler
    from wavesynth.voices.folders import SHIPPED, find_voices

    if optional and voices is None and name not in find_voices():
        return None
    return BareSampler(voices or SHIPPED, name)


def _note(line: str) -> None:
    say(line, err=True)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {_text(number)}" for name, number in value.items()) or "none"
    if value is None:
        return "not known"
    return f"{value:,.3f}" if isinstance(value, float) else str(value)
