"""wavesynth serve: the gRPC service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors, read_token
from wavesynth.cli.settings import ConfigFile, PrintConfig, in_effect
from wavesynth.cli.terminal import say

__all__ = ["serve"]


def serve(
    context: typer.Context,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; 0.0.0.0 for all of this machine's, :: for those of IPv6 too."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 50051,
    voices: Annotated[Path | None, typer.Option(help="Folder of voices, instead of those that ship.")] = None,
    backend: Annotated[
        str, typer.Option(help="cpu, triton (an NVIDIA GPU), reference or float32 (not real-time).")
    ] = "cpu",
    images: Annotated[
        Path | None, typer.Option(help="Folder of models of images, instead of those that ship.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Cores that sample; all if not given.", min=1, max=256)
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            help="Processes that speak gRPC, beside the one that makes the audio; with 0 one does both.",
            min=0,
        ),
    ] = 0,
    live_streams: Annotated[
        int | None, typer.Option(help="Live streams at once; measured if not given.", min=1, max=100_000)
    ] = None,
    chunk_ms: Annotated[
        float,
        typer.Option(
            help="Milliseconds of a live stream made at a time; 40 for more than some hundred on a GPU.",
            min=1,
            max=200,
        ),
    ] = 10,
    max_seconds: Annotated[
        float, typer.Option(help="Seconds of audio that a call may make.", min=0.1, max=86_400)
    ] = 600,
    grace: Annotated[
        float, typer.Option(help="Seconds that calls have to end at shutdown.", min=0, max=3600)
    ] = 30,
    first_message_seconds: Annotated[
        float, typer.Option(help="Seconds in which a call's first message must come.", min=0.1, max=86_400)
    ] = 30,
    idle_seconds: Annotated[
        float, typer.Option(help="Seconds that a live call may send nothing.", min=0.1, max=86_400)
    ] = 120,
    behind_seconds: Annotated[
        float,
        typer.Option(
            help="Seconds by which a live call's input may be behind half of real time.", min=0.1, max=86_400
        ),
    ] = 300,
    stall_seconds: Annotated[
        float, typer.Option(help="Seconds that a caller may stop reading.", min=0.1, max=86_400)
    ] = 120,
    call_seconds: Annotated[
        float, typer.Option(help="Seconds that a call may last.", min=0.1, max=86_400)
    ] = 3600,
    vanished_seconds: Annotated[
        float,
        typer.Option(help="Seconds until a caller's lost connection is found lost.", min=1, max=86_400),
    ] = 30,
    client_share: Annotated[
        float | None,
        typer.Option(
            help="Part of the places that one client may have; if not given, 0.75 for clients from elsewhere.",
            min=0.01,
            max=1,
        ),
    ] = None,
    max_calls: Annotated[
        int,
        typer.Option(help="Calls of all kinds that a process may have under way.", min=1, max=1_000_000),
    ] = 1000,
    input_mib: Annotated[
        int,
        typer.Option(help="MiB of input of all calls of a process together.", min=16, max=1_048_576),
    ] = 128,
    max_characters: Annotated[
        int, typer.Option(help="Characters of text that a call may have.", min=1, max=16_777_216)
    ] = 200_000,
    small_messages: Annotated[
        float,
        typer.Option(help="Messages of less than 2 ms of audio that a client may send in a second.", min=1),
    ] = 500,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve Prometheus metrics on this port.", min=1, max=65535)
    ] = None,
    metrics_host: Annotated[
        str,
        typer.Option(help="Address of --metrics-port. Metrics need no token: whoever reaches it reads them."),
    ] = "127.0.0.1",
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Listen beyond this machine although there is no TLS, or no token."),
    ] = False,
    tls_cert: Annotated[
        Path | None, typer.Option(help="PEM file of the certificate chain; with --tls-key.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's private key.")] = None,
    tls_clients: Annotated[
        Path | None,
        typer.Option(help="PEM file of root certificates: callers must have a certificate of one of them."),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="File of the token that clients must send.")] = None,
    tokens: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of tokens with names, scopes and limits, as `wavesynth token` makes them."
        ),
    ] = None,
    warm: Annotated[
        bool,
        typer.Option(
            "--warm", help="Load models of images, and make a chunk of each voice, before it is ready."
        ),
    ] = False,
    web: Annotated[bool, typer.Option("--web", help="Serve the web page too.")] = False,
    web_port: Annotated[
        int, typer.Option(help="The page's port; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    web_origin: Annotated[
        list[str] | None,
        typer.Option(help="Another site, such as https://a.org, whose pages may use the service."),
    ] = None,
    web_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Another name by which browsers reach the page without TLS, such as that of a proxy before it."
        ),
    ] = None,
    config: ConfigFile = None,
    print_config: PrintConfig = False,
) -> None:
    """Serves the voices over gRPC until SIGTERM or Ctrl-C, then lets the calls under way end.

    Prints one line when it is ready, and with --web another; logs in JSON on standard error, a line for each call.
    Each option may be in the environment too, such as WAVESYNTH_SERVE_PORT, or in the file of --config.
    Browsers give a page the microphone on this machine (localhost), and elsewhere over TLS only.

    Example: wavesynth serve --port 50051 --metrics-port 9090
    """
    with one_sentence_errors():
        import asyncio

        from wavesynth.cli.demo import HELD_OUT
        from wavesynth.server.config import ServerConfig
        from wavesynth.server.limits import Limits
        from wavesynth.server.processes.supervisor import ServerWithFrontEnds
        from wavesynth.server.server import Server
        from wavesynth.server.server import serve as run
        from wavesynth.server.sockets import host_and_port, is_loopback
        from wavesynth.server.telemetry import log, logging_aside
        from wavesynth.server.web.config import WebConfig
        from wavesynth.voices.folders import SHIPPED

        if (tls_cert is None) != (tls_key is None):
            raise ValueError(
                f"--tls-{'key' if tls_key is None else 'cert'} is missing; TLS needs both of --tls-cert and --tls-key"
            )
        lacks = [] if tls_cert else ["--tls-cert and --tls-key"]
        lacks += [] if token_file or tokens or tls_clients else ["--tokens or --token-file"]
        if lacks and not insecure and not is_loopback(host):
            raise ValueError(
                f"host is {host}, which other machines may reach; give {', and '.join(lacks)}; or --insecure, if a "
                "proxy or the network keeps strangers away"
            )
        server_config = ServerConfig(
            host=host,
            port=port,
            voices=voices or SHIPPED,
            images=images,
            backend=backend,
            workers=workers,
            live_streams=live_streams,
            chunk=round(16 * chunk_ms),  # of 16 kHz, whatever the rates of the voices
            max_seconds=max_seconds,
            grace=grace,
            limits=Limits(
                first_message=first_message_seconds,
                idle=idle_seconds,
                behind=behind_seconds,
                stall=stall_seconds,
                call=call_seconds,
                vanished=vanished_seconds,
                calls=max_calls,
                input_bytes=input_mib << 20,
                small_messages=small_messages,
                text_characters=max_characters,
                client_share=client_share,
            ),
            metrics_port=metrics_port,
            metrics_host=metrics_host,
            tls=(tls_cert, tls_key) if tls_cert and tls_key else None,
            tls_clients=tls_clients,
            token=read_token(token_file) if token_file else None,
            tokens=tokens,
            warm=warm,
            web=WebConfig(web_port, HELD_OUT, tuple(web_origin or ()), tuple(web_host or ()))
            if web
            else None,
            **({"threads": threads} if threads else {}),
        )

        if print_config:
            say(in_effect(context))
            return

        def ready(server: Server | ServerWithFrontEnds) -> None:
            say(f"listening on {host_and_port(host, server.port)}")
            if web:
                say(f"the page is at http{'s' if tls_cert else ''}://{host_and_port(host, server.web_port)}/")

        with logging_aside():
            measured = " and measuring how many live streams this machine can carry" * (live_streams is None)
            log(f"loading voices{measured}")
            if not asyncio.run(run(server_config, ready)):
                raise typer.Exit(1)  # the log has said why
