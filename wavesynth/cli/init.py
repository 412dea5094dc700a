"""wavesynth init: a configuration to train by."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.configurations import find_configuration, shipped_configurations
from wavesynth.cli.terminal import say

__all__ = ["init"]

_FIRST = "new-speaker"
_OF_ANOTHER = ("description", "language", "licence")  # what a copy says of another's voice


def init(
    name: Annotated[
        str, typer.Argument(help="The speaker's name, which will be the voice's and the file's.")
    ],
    template: Annotated[
        Path,
        typer.Option(
            "--from",
            metavar="CONFIG",
            help="What to copy: a TOML file, or one of " + ", ".join(shipped_configurations()) + ".",
        ),
    ] = Path(_FIRST),
) -> None:
    """Writes NAME.toml, a configuration with comments, into the current folder, and says what to do next.

    Nothing is overwritten. docs/reference/configuration.md of the source explains every key.

    Example: wavesynth init alice
    """
    from wavesynth.files import atomic_path, read_text
    from wavesynth.training.run import read_run

    with one_sentence_errors():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise ValueError(f"NAME is {name!r}; it must be of the letters a to z, digits, - and _")
        source, path = find_configuration(template), Path(f"{name}.toml")
        read_run(source)  # a template must be right itself
        if path.exists() or path.is_symlink():
            raise ValueError(f"{path} already exists, and is left as it is; choose another name or move it")
        text = filled_in(read_text(source), name)
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        made = read_run(path)
        spoken = " --transcripts TABLE.tsv" if made.kind == "text" else ""
    say(f"{path} is written, after {template}. Look it through; then:")
    for _, folder in made.data.folders:
        if not (Path(folder) / "dataset.json").exists():
            say(f"  wavesynth prepare RECORDINGS {shlex.quote(folder)}{spoken}")
    say(f"  wavesynth train {path} --minutes 30")


def filled_in(text: str, name: str) -> str:
    """A template's text for another speaker: of that name, if there is only one, from a folder of that name."""
    speakers = tomllib.loads(text)["data"]["speakers"]
    lines = text.splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith("#")):
        del lines[0]  # how another voice came about
    section, filled = "", []
    for line in lines:
        if heading := re.match(r"\[([\w.]+)\]", line):
            section = heading[1]
        key = line.split("=")[0].strip()
        comment = found[0] if (found := re.search(r"\s+#[^\"]*$", line)) else ""
        if section == "voice" and key == "name":
            line = f'name = "{name}"{comment}'
        elif section == "voice" and key in _OF_ANOTHER:
            line = f'{key} = ""{comment}'
        elif len(speakers) == 1 and section == "data" and key == f"speakers.{next(iter(speakers))}":
            line = f'speakers.{name} = ["datasets/{name}"]{comment}'
        filled.append(line)
    head = [
        f"# {name}. docs/reference/configuration.md of the source explains every key.",
        f"#   wavesynth train {name}.toml",
        "",
    ]
    return "\n".join([*head, *filled]) + "\n"
