"""What commands share: how they fail, and how they reach a service."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer

from wavesynth.__main__ import nobody_reads
from wavesynth.cli.terminal import say
from wavesynth.files import read_text, sentence

if TYPE_CHECKING:
    from wavesynth.clients.client import Client

__all__ = [
    "Certificates",
    "ClientCert",
    "ClientKey",
    "TokenFile",
    "access",
    "connect",
    "fail",
    "not_served",
    "one_sentence_errors",
    "read_token",
    "say_ignored_images",
]

_PACKAGE = Path(__file__).parents[1]

TokenFile = Annotated[Path | None, typer.Option(help="File of the token that the service wants.")]
Certificates = Annotated[
    Path | None,
    typer.Option(help="PEM file of root certificates to know the service by, which then must speak TLS."),
]

ClientCert = Annotated[
    Path | None,
    typer.Option(
        help="PEM file of a certificate chain to be known by, for a service that asks for one; with --client-key."
    ),
]
ClientKey = Annotated[Path | None, typer.Option(help="PEM file of the private key of --client-cert.")]


def fail(message: object) -> NoReturn:
    """Ends the command with exit code 1 and one sentence on standard error."""
    say(f"wavesynth: {message}", err=True)
    raise typer.Exit(1)


def not_served(address: str, error: Exception) -> NoReturn:
    """`fail` with what the service at `address`, or the way there, has said, with the address and the request's id."""
    said = str(error) if address in str(error) else f"{address}: {error}"
    name = getattr(error, "request_id", "")
    fail(f"{said} (request {name})" if name and name not in said else said)


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Turns what bad input raises (ValueError, OSError) into `fail`, and what the package warns of into a sentence that
    is said once; a fault of ours keeps its traceback."""
    with _warnings_said():
        try:
            yield
        except (ValueError, OSError) as error:
            if nobody_reads(error):
                raise
            fail(sentence(error))


@contextmanager
def _warnings_said() -> Iterator[None]:
    shown, said = warnings.showwarning, set[str]()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not Path(filename).is_relative_to(_PACKAGE):
            shown(message, category, filename, lineno, file, line)
        elif (text := str(message)) not in said:
            said.add(text)
            say(f"wavesynth: {text}", err=True)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown


def connect(
    address: str,
    token_file: Path | None,
    certificates: Path | None,
    client_cert: Path | None,
    client_key: Path | None,
) -> Client:
    """A client of the service at `address`. Raises ValueError, naming the option, for files that cannot be used."""
    from wavesynth.clients.client import Client

    return Client(address, **access(token_file, certificates, client_cert, client_key))


def access(
    token_file: Path | None, certificates: Path | None, client_cert: Path | None, client_key: Path | None
) -> dict[str, Any]:
    """What a client of a service takes beside its address. Raises ValueError, naming the option, for files that cannot
    be used."""
    if (client_cert is None) != (client_key is None):
        missing = "key" if client_key is None else "cert"
        raise ValueError(f"--client-{missing} is missing; --client-cert and --client-key belong together")
    token = None if token_file is None else read_token(token_file)
    roots = None
    if certificates is not None:
        roots = _content("certificates", certificates).encode()
        if b"-----BEGIN CERTIFICATE-----" not in roots:
            raise ValueError(f"--certificates is {certificates}, which holds no PEM certificate")
    if client_cert is None or client_key is None:
        return {"token": token, "certificates": roots}
    import grpc

    from wavesynth.server.tls import read_pair

    chain, key = read_pair("client", client_cert, client_key)
    return {"token": token, "credentials": grpc.ssl_channel_credentials(roots, key, chain)}


def read_token(path: Path) -> str:
    """The token in a file. Raises ValueError when it cannot be read or is empty."""
    token = _content("token-file", path).strip()
    if not token:
        raise ValueError(f"{path} is empty; it must hold the token")
    return token


def _content(option: str, path: Path) -> str:
    try:
        return read_text(path)
    except OSError as error:
        raise ValueError(f"--{option} is {path}, which cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"--{option}: {error}") from error


def say_ignored_images(folder: str | Path) -> None:
    """Lists on standard error what of a folder of images is not taken as one, and why."""
    from wavesynth.data.images import ignored_images

    for entry in ignored_images(folder):
        say(f"{entry['source']} is ignored: {entry['reason']}", err=True)
