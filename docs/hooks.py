"""Fills the pages of the reference from the code while MkDocs builds the site: commands, and keys of configurations.

A page holds one of two markers, each in a line of its own:

    <!-- commands -->                       every command, with its arguments and options
    <!-- keys: package.module.Class -->     a table of a configuration's keys, whose descriptions are the list below it

The list below the second marker names every field of the class once, as "- `key`: what it is". Types and defaults come
from the class. The build fails if the list and the class disagree.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

COMMANDS = "<!-- commands -->"
KEYS = re.compile(r"^<!-- keys: ([\w.]+) -->\n+((?:- .*\n(?:  .*\n)*)+)", re.MULTILINE)
_VALUES = {"<str>": "TEXT", "<list[str]>": "TEXT", "<path>": "PATH", "<int>": "N", "<int range>": "N"}
_VALUES |= {"<float>": "X", "<float range>": "X"}
_NAMES = {int: "integer", float: "number", str: "text", bool: "`true` or `false`"}


def on_page_markdown(markdown: str, **_: object) -> str:
    """MkDocs calls this with the text of each page, and takes what it returns."""
    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, "\n".join(commands()))
    return KEYS.sub(lambda found: "\n".join(keys(found[1], found[2])), markdown)


def commands() -> Iterator[str]:
    """The lines of a page about every command of `wavesynth`."""
    import typer

    from wavesynth.cli import app

    yield from _command("wavesynth", typer.main.get_command(app))


def _command(name: str, command: Any) -> Iterator[str]:
    if hasattr(command, "commands"):
        if name != "wavesynth":
            yield from (f"## {name}", "", command.help or "", "")
        for child, below in command.commands.items():
            if not below.hidden:
                yield from _command(f"{name} {child}", below)
        return
    with command.make_context(name, [], resilient_parsing=True) as context:
        params = [param for param in context.command.params if param.name != "help"]
        records = [param.get_help_record(context) for param in params]
        text, _, example = (context.command.help or "").partition("Example: ")
    yield from (f"{'##' if name.count(' ') == 1 else '###'} {name}", "")
    yield from (_safe(text.strip()), "")
    yield from ("```sh", example.strip(), "```", "")
    if any(records):
        yield from ("| argument or option | what it is | default and limits |", "|---|---|---|")
        yield from (_parameter(*record) for record in records if record)
    yield ""


def _parameter(written: str, what: str) -> str:
    """A line of the table, of what --help prints of one parameter: its names, and its help with limits in brackets."""
    for printed, shown in _VALUES.items():
        written = written.replace(printed, shown)
    what = " ".join(what.split())
    found = re.search(r"\s*\[((?:default: |required|[^\[\]]*<=?x|x>=?)[^\[\]]*)\]$", what)
    what, limits = (what[: found.start()], found[1]) if found else (what, "")
    limits = re.sub(r"default: /\S.*?(?=;|$)", "a file that ships", limits)  # not this machine's path
    limits = re.sub(r"(\S+)<=x<=(\S+)", r"\1 to \2", limits).replace(str(2**64 - 1), "2⁶⁴ − 1")
    limits = re.sub(r"x>=(\S+)", r"\1 or more", limits)
    return f"| `{written}` | {_safe(what)} | {_safe(limits.removeprefix('default: '))} |"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def keys(path: str, listed: str) -> Iterator[str]:
    """The table of the keys of one section of a configuration; ValueError if the list is not that of its fields."""
    module, _, name = path.rpartition(".")
    section = getattr(importlib.import_module(module), name)
    types = get_type_hints(section)
    own = {field.name: field for field in fields(section) if not is_dataclass(types[field.name])}
    described = {
        found[1]: " ".join(found[2].split())
        for found in re.finditer(r"^- `([^`]+)`: (.*(?:\n  .*)*)", listed, re.MULTILINE)
    }
    if described.keys() != own.keys():
        missing, unknown = own.keys() - described.keys(), described.keys() - own.keys()
        raise ValueError(
            f"the list below the keys of {path} lacks {sorted(missing)} and has {sorted(unknown)}"
        )
    yield from ("| key | type | default | what it is |", "|---|---|---|---|")
    for key, what in described.items():
        yield f"| `{key}` | {_type(types[key])} | {_default(own[key])} | {what} |"
    yield ""


def _type(hint: Any) -> str:
    if hint in _NAMES:
        return _NAMES[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_type(argument) for argument in arguments if argument is not NoneType)
    if origin in (tuple, list):
        return f"list of {_type(arguments[0])}"
    return "table"


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "" if field.default_factory is MISSING else "empty"
    if field.default is None:
        return "left out"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if isinstance(field.default, tuple):
        return f"`{list(field.default)}`"
    return f'`"{field.default}"`' if isinstance(field.default, str) else f"`{field.default}`"
