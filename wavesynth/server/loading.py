"""What a server needs before it serves: files and ports that can be used. Its voices are in catalogue.py."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from wavesynth.server.certificates import grpc_credentials
from wavesynth.server.config import ServerConfig
from wavesynth.server.followed import Followed
from wavesynth.server.sockets import listening
from wavesynth.server.tokens import Tokens

__all__ = ["check_files_and_ports", "tokens_of"]


def tokens_of(config: ServerConfig, followed: list[Followed[Any]]) -> Callable[[], Tokens] | None:
    """The tokens that callers may send, as they are now, if callers must send one. A file of them is added to
    `followed`. Raises ValueError and OSError."""
    if config.tokens is not None:
        file = Followed([config.tokens], partial(Tokens.read, config.tokens))
        followed.append(file)
        return file.current
    if config.token is not None:
        one = Tokens.of(config.token)
        return lambda: one
    return None


def check_files_and_ports(config: ServerConfig) -> None:
    """Raises ValueError or OSError, in a sentence, for files and ports that cannot be used: before voices are
    loaded."""
    wanted = [
        (config.host, config.port, "listen"),
        (config.metrics_host, config.metrics_port, "serve metrics"),
        (config.host, None if config.web is None else config.web.port, "serve the page"),
    ]
    with ExitStack() as tried:  # all at once, since no two of them may be one
        for host, port, purpose in wanted:
            if port is not None:
                tried.enter_context(listening(host, port, purpose))
    tokens_of(config, [])
    if config.tls is not None:
        grpc_credentials(config.tls, config.tls_clients, [])
