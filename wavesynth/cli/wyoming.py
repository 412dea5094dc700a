"""wavesynth wyoming: text read aloud for Home Assistant."""

from __future__ import annotations

from typing import Annotated

import typer

from wavesynth.cli.common import (
    Certificates,
    ClientCert,
    ClientKey,
    TokenFile,
    access,
    not_served,
    one_sentence_errors,
)
from wavesynth.cli.terminal import say

__all__ = ["wyoming"]


def wyoming(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine's.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 10200,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Listen beyond this machine, though the protocol has neither TLS nor tokens."
        ),
    ] = False,
    address: Annotated[str, typer.Option(help="The service, host:port.")] = "localhost:50051",
    token_file: TokenFile = None,
    certificates: Certificates = None,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
) -> None:
    """Reads text aloud over the Wyoming protocol, for Home Assistant, with the voices of a service that runs.

    The service is one that wavesynth serve started; its limits hold. Prints one line when it is ready. Ends with
    Ctrl-C or SIGTERM.

    Example: wavesynth wyoming --host 0.0.0.0 --insecure
    """
    with one_sentence_errors():
        import asyncio
        import signal
        from importlib.metadata import version

        from wavesynth.clients.aio import AsyncClient
        from wavesynth.clients.errors import ServiceError
        from wavesynth.extras import DISTRIBUTION, extra
        from wavesynth.server.sockets import check_port, host_and_port, is_loopback

        with extra("wyoming", "wavesynth wyoming"):
            from wavesynth.clients.wyoming_server import serve_wyoming
        if not insecure and not is_loopback(host):
            raise ValueError(
                f"host is {host}, which other machines may reach, and the protocol has neither TLS nor tokens; give "
                "--insecure, if the network keeps strangers away"
            )
        options = access(token_file, certificates, client_cert, client_key)
        check_port(host, port)

        async def serve() -> None:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            async with AsyncClient(address, **options) as client:
                voices = [voice.name for voice in (await client.voices()).voices if voice.text]
                if not voices:
                    raise ValueError(f"the service at {address} has no voice that takes text")
                async with serve_wyoming(client, host, port, version(DISTRIBUTION)) as bound:
                    say(f"listening on {host_and_port(host, bound)}, for {', '.join(voices)}")
                    await stop.wait()

        try:
            asyncio.run(serve())
        except ServiceError as error:
            not_served(address, error)
