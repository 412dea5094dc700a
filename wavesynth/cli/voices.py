"""wavesynth voices: which there are."""

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
from wavesynth.cli.terminal import describe, say

if TYPE_CHECKING:
    from wavesynth.clients.client import Client
    from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["voices"]


def voices(
    address: Annotated[
        str | None, typer.Option(help="Ask the service at host:port, instead of a folder.")
    ] = None,
    token_file: TokenFile = None,
    certificates: Certificates = None,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
    folder: Annotated[Path | None, typer.Option(help="Folder of voices, instead of those that ship.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """Lists the voices of a service, or those of this machine.

    A folder of a voice that is broken is a sentence on standard error, and the exit code is then 1.

    Example: wavesynth voices --address localhost:50051
    """
    if address and folder:
        fail("--address and --folder are both given; at most one of them may be")
    broken: list[Exception] = []
    with one_sentence_errors():
        if address:
            found = _of_service(address, connect(address, token_file, certificates, client_cert, client_key))
        else:
            found = _of_folder(folder, broken)
    if as_json:
        import json

        say(json.dumps({"voices": found}, indent=2))
    else:
        describe([(voice["name"], f"{voice['description']}\n{_facts(voice)}") for voice in found])
    for error in broken:
        say(f"wavesynth: {error}", err=True)
    if broken:
        raise typer.Exit(1)


def _facts(voice: dict[str, Any]) -> str:
    """What distinguishes a voice for who calls it, in a line or two."""
    facts = ["the default"] if voice["default"] else []
    facts += [voice["language"]] if voice["language"] else []
    text = "text, " if voice["text"] else ""
    facts += [f"from {text}audio or log-mel" if voice["mel_bands"] else "from nothing but a duration"]
    facts += [f"{voice['sample_rate']:,} Hz", f"{voice['layers']} layers"]
    facts += [f"speakers {', '.join(voice['speakers'])}"] if voice["speakers"] else []
    return "; ".join([*facts, voice["licence"]])


def _of_service(address: str, client: Client) -> list[dict[str, Any]]:
    from wavesynth.clients.client import ServiceError

    with client:
        try:
            return _listed(client.voices())
        except ServiceError as error:
            not_served(address, error)


def _of_folder(folder: Path | None, broken: list[Exception]) -> list[dict[str, Any]]:
    """The voices below a folder; what is wrong with the others is added to `broken`."""
    from wavesynth.server.listing import listed
    from wavesynth.voices.folders import SHIPPED
    from wavesynth.voices.loaded import read_voices

    voices = read_voices(folder or SHIPPED, broken.append)
    return _listed(listed(voices.values(), max_seconds=0))  # nothing is made here


def _listed(response: pb.ListVoicesResponse) -> list[dict[str, Any]]:
    return [
        {
            **{field.name: getattr(voice, field.name) for field in voice.DESCRIPTOR.fields},
            "speakers": list(voice.speakers),
            "default": voice.name == response.default_voice,
        }
        for voice in response.voices
    ]
