"""Reads as much of the Dockerfile language as this project's Dockerfile needs; anything else is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Instruction", "context_files", "options", "parse", "substitute", "words"]

KEYWORDS = {"FROM", "ARG", "RUN", "COPY", "ENV", "USER", "WORKDIR", "EXPOSE", "HEALTHCHECK", "CMD"}


@dataclass(frozen=True)
class Instruction:
    """One instruction: its keyword in capitals, the rest of it on one line, and the line it begins on."""

    keyword: str
    argument: str
    line: int


def parse(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile, continued lines joined, comments dropped; ValueError if one is unknown."""
    instructions: list[Instruction] = []
    joined, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        first = first or number
        joined += line.strip() if not line.rstrip().endswith("\\") else line.strip()[:-1]
        if line.rstrip().endswith("\\"):
            continue
        keyword, _, argument = joined.partition(" ")
        if keyword.upper() not in KEYWORDS or "<<" in argument:
            raise ValueError(f"Dockerfile, line {first}: {keyword} {argument} is not understood")
        instructions.append(Instruction(keyword.upper(), argument.strip(), first))
        joined, first = "", 0
    return instructions


def options(argument: str) -> tuple[dict[str, str], str]:
    """The --name=value options that an argument begins with, and what follows them."""
    found = {}
    while match := re.match(r"--([a-z-]+)=(\S+)\s+", argument):
        found[match[1]] = match[2]
        argument = argument[match.end() :]
    return found, argument


def words(argument: str) -> list[str]:
    """The command line: of the JSON form as it is written, of the other form by the shell."""
    return json.loads(argument) if argument.startswith("[") else ["/bin/sh", "-c", argument]


def substitute(text: str, environment: Mapping[str, str]) -> str:
    """`text` with $NAME and ${NAME} replaced from the stage's environment."""
    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda m: environment.get(m[1] or m[2], ""), text)


def context_files(root: Path) -> Iterator[Path]:
    """The files of the build's context, relative to `root`: those that .dockerignore leaves.

    The last pattern that fits a path or a folder above it decides, as in Docker. A folder that is left out
    is not entered, so an exception below it (none of ours) would be missed.
    """
    rules = []
    for line in (root / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            rules.append((not pattern.startswith("!"), re.compile(_regex(pattern.lstrip("!")))))

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            name = path.relative_to(root)
            verdicts = [leaves_out for leaves_out, pattern in rules if pattern.fullmatch(name.as_posix())]
            if verdicts and verdicts[-1]:
                continue
            if path.is_dir() and not path.is_symlink():
                yield from walk(path)
            else:
                yield name

    return walk(root)


def _regex(pattern: str) -> str:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meaning.get(part, re.escape(part)) for part in parts) + "(?:/.*)?"
