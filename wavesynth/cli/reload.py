"""wavesynth reload: a running service reads its files again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wavesynth.cli.common import (
    Certificates,
    ClientCert,
    ClientKey,
    TokenFile,
    connect,
    not_served,
    one_sentence_errors,
)
from wavesynth.cli.terminal import say

if TYPE_CHECKING:
    from wavesynth.v1 import admin_pb2 as pb

__all__ = ["reload"]


def reload(
    address: Annotated[str, typer.Option(help="The service, host:port.")] = "localhost:50051",
    token_file: TokenFile = None,
    certificates: Certificates = None,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
) -> None:
    """Has a running service read its voices, models of images, tokens and certificates again.

    It needs a token with the scope admin. Calls under way go on with what they began with. Prints what has changed;
    what could not be used is a sentence on standard error, and the exit code is then 1.

    Example: wavesynth reload --address localhost:50051 --token-file operator.txt
    """
    with one_sentence_errors():
        from wavesynth.clients.client import ServiceError

        with connect(address, token_file, certificates, client_cert, client_key) as client:
            try:
                made = client.reload()
            except ServiceError as error:
                not_served(address, error)
    for kind, changes in (("voice", made.voices), ("model of images", made.image_models)):
        for name, how in _changed(changes):
            say(f"{kind} {name} is {how}")
    for file in made.files:
        say(f"{file} is in use as it is now")
    for problem in made.problems:
        say(f"wavesynth: {problem}", err=True)
    if made.problems:
        raise typer.Exit(1)


def _changed(changes: pb.Changes) -> list[tuple[str, str]]:
    """Names, and what has become of each."""
    return [
        (name, how)
        for how, names in (
            ("new", changes.added),
            ("replaced", changes.replaced),
            ("gone", changes.removed),
        )
        for name in names
    ]
