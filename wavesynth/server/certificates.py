"""TLS for the two ports: certificates are read again when their files change, and connections that are open stay."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import grpc

from wavesynth.server.followed import Followed
from wavesynth.server.tls import read_roots, read_tls

__all__ = ["grpc_credentials", "page_context"]


def grpc_credentials(
    tls: tuple[Path, Path], clients: Path | None, known: list[Followed[Any]]
) -> grpc.ServerCredentials:
    """Those of the files as they are at each new connection; with `clients`, callers must have a certificate of one of
    these roots. The files are added to `known`. Raises ValueError, in a sentence, for files that no server can use."""

    def read(_: Any) -> Any:
        chain, key = read_tls(*tls)
        roots = None if clients is None else read_roots(clients)
        return grpc.ssl_server_certificate_configuration([(key, chain)], roots)

    followed = Followed(_files(tls, clients), read)
    known.append(followed)
    given = followed.current()

    def changed() -> Any:
        nonlocal given
        now = followed.current()
        if now is given:
            return None  # gRPC keeps what it has
        given = now
        return now

    return grpc.dynamic_ssl_server_credentials(given, changed, clients is not None)


def page_context(tls: tuple[Path, Path], clients: Path | None, known: list[Followed[Any]]) -> ssl.SSLContext:
    """The same for the page."""

    def read(_: ssl.SSLContext | None) -> ssl.SSLContext:
        read_tls(*tls)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
        if clients is not None:
            context.load_verify_locations(cadata=read_roots(clients).decode("ascii", "ignore"))
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    followed = Followed(_files(tls, clients), read)
    known.append(followed)

    def begun(connection: Any, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = followed.current()

    context = followed.current()
    context.sni_callback = begun  # of the first one, with which every connection begins
    return context


def _files(tls: tuple[Path, Path], clients: Path | None) -> list[Path]:
    return [*tls, *([] if clients is None else [clients])]
