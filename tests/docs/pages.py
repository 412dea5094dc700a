"""The pages, their examples, and the calls of `wavesynth` in them."""

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

import typer

from wavesynth.cli import app

ROOT = Path(__file__).parents[2]
CARDS = sorted((ROOT / "wavesynth").glob("*/shipped/*/CARD.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")), *CARDS]
UsageError = typer.BadParameter.__mro__[1]  # click's, or what typer has in its place

_FENCED = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>[^\n]*?) *-->\n)?"
    r"^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<code>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_OPERATORS = {"|", "&", "&&", ";", ">", ">>", "<"}


@dataclass(frozen=True)
class Example:
    """A fenced block of a page; `reason` says why the tests do not run it, if they do not."""

    page: Path
    line: int
    language: str
    code: str
    reason: str | None

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def examples(page):
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Example(
            page,
            text.count("\n", 0, found.start("language")) + 1,
            found["language"],
            textwrap.dedent(found["code"]),
            found["reason"],
        )
        for found in _FENCED.finditer(text)
    ]


def prose(page):
    """What is left of a page without its fenced blocks."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def calls(script):
    """The arguments of each call of wavesynth in a script."""
    for line in script.replace("\\\n", "").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # a line of a program in another language
            continue
        while "wavesynth" in words:
            words = words[words.index("wavesynth") + 1 :]
            end = next((i for i, word in enumerate(words) if word in _OPERATORS), len(words))
            yield ["1" if word == "N" else word for word in words[:end]]


def parsed(words):
    """The parameters of a call, as its command gets them; UsageError if it would refuse them."""
    command, context = typer.main.get_command(app), None
    while hasattr(command, "commands"):
        if not words:
            return {}
        name, *words = words
        if name.isupper():  # any of them
            return {}
        if name not in command.commands:
            raise UsageError(f"no command {name}")
        command = command.commands[name]
        command = command.load() if hasattr(command, "load") else command
    with command.make_context(command.name, list(words), parent=context) as context:
        return context.params
