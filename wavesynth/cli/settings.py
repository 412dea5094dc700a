"""A command's options from a file and from the environment, and what they are in the end.

An option on the command line goes before the environment, the environment before the file, the file before what it is
otherwise.
"""

from __future__ import annotations

import json
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.files import read_text

__all__ = ["ConfigFile", "PrintConfig", "as_toml", "in_effect"]

#: Options that are no settings.
_OTHERS = {"config", "print_config", "help"}


def _read(context: typer.Context, path: Path | None) -> Path | None:
    """Makes what is in the file the command's defaults."""
    if path is None:
        return None
    with one_sentence_errors():
        try:
            found = tomllib.loads(read_text(path))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ValueError(f"{path} is not TOML: {error}") from None
        settings = {name.replace("-", "_"): value for name, value in found.items()}
        known = {str(option.name) for option in context.command.params} - _OTHERS
        for name, value in settings.items():
            if name not in known:
                raise ValueError(f"{path} has {name}; the settings are {', '.join(sorted(known))}")
            if isinstance(value, dict) or (isinstance(value, list) and name not in _lists(context)):
                kind = "a table" if isinstance(value, dict) else "a list"
                raise ValueError(f"{path} has {kind} for {name}; it must be one value")
    context.default_map = settings
    return path


def _lists(context: typer.Context) -> set[str]:
    """Options that may be given several times."""
    return {str(option.name) for option in context.command.params if getattr(option, "multiple", False)}


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        help="TOML file of these options, such as `port = 50051`; the environment and the command line go before it.",
        callback=_read,
        is_eager=True,
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option(
        "--print-config", help="Print all options as such a file, with where each is from, and end."
    ),
]


def in_effect(context: typer.Context) -> str:
    """The command's options as a file for --config, with where each is from that was given."""
    lines = []
    for option in context.command.params:
        name = str(option.name)
        if name in _OTHERS:
            continue
        value, source = context.params[name], context.get_parameter_source(name)
        where = {
            "COMMANDLINE": f"  # --{name.replace('_', '-')}",
            "ENVIRONMENT": f"  # {context.auto_envvar_prefix}_{name.upper()}",
            "DEFAULT_MAP": f"  # {context.params['config']}",
        }.get(source.name if source else "", "")
        lines.append(f"# {name} is not given" if value is None else f"{name} = {as_toml(value)}{where}")
    return "\n".join(lines)


def as_toml(value: Any) -> str:
    """A value as TOML has it: JSON's way of writing texts, numbers, truth and lists is TOML's too."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return json.dumps([str(item) for item in value])
    return json.dumps(str(value) if isinstance(value, Path) else value)
