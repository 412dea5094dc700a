"""wavesynth token: a new token for a server."""

from __future__ import annotations

from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.settings import as_toml
from wavesynth.cli.terminal import say

__all__ = ["token"]


def token(
    name: Annotated[str, typer.Argument(help="Whose it is; stands in the server's log.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it allows: synthesise, list, images, score; all if not given. admin: to reload."
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(help="Days until it expires; never if not given.", min=1, max=36_500)
    ] = None,
    streams: Annotated[int | None, typer.Option(help="Live streams at once.", min=1, max=1_000_000)] = None,
    seconds_a_minute: Annotated[
        float | None, typer.Option(help="Seconds of audio a minute.", min=0.1, max=1_000_000)
    ] = None,
    requests_a_minute: Annotated[
        int | None, typer.Option(help="Requests a minute.", min=1, max=1_000_000)
    ] = None,
) -> None:
    """Makes a token. Prints it on standard error, once, and on standard output what a server knows of it.

    Example: wavesynth token radio --scope synthesise >> tokens.toml
    """
    with one_sentence_errors():
        from datetime import UTC, datetime, timedelta

        from wavesynth.server.tokens import SCOPES, Token, hash_of, new_token

        secret = new_token()
        expires = None if days is None else datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
        known = Token(
            hash_of(secret),
            name,
            tuple(scope or SCOPES),
            expires,
            streams,
            seconds_a_minute,
            requests_a_minute,
        )
    fields = {
        "sha256": known.sha256,
        "scopes": tuple(scope) if scope else None,
        "expires": expires,
        "streams": streams,
        "seconds_a_minute": seconds_a_minute,
        "requests_a_minute": requests_a_minute,
    }
    lines = [f"[{as_toml(name)}]"]
    lines += [f"{field} = {as_toml(value)}" for field, value in fields.items() if value is not None]
    say("\n".join([*lines, ""]))
    say(f"the token of {name}, which is kept nowhere: {secret}", err=True)
