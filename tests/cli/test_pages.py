"""What the pages say to type can be typed: commands and options exist, and the files that they read can be had."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from wavesynth.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
UsageError = typer.BadParameter.__mro__[1]  # click's, or what typer has in its place
OPERATORS = {"|", "&", "&&", ";", ">", ">>", "<"}
#: Parameters that name a file to read, if their value has an extension; others are folders, or files to write.
READ = {"audio", "config", "data", "image", "manifest", "mask", "mel", "model", "recordings", "test_list"}
READ |= {"tls_cert", "tls_key", "token_file", "transcripts", "certificates"}


def examples(text):
    """The page's examples: what is fenced, and what is indented by four outside of that."""
    return FENCED.findall(text) + re.findall(r"(?:^ {4,}\S.*\n)+", FENCED.sub("", text), re.MULTILINE)


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
            end = next((i for i, word in enumerate(words) if word in OPERATORS), len(words))
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
    with command.make_context(command.name, list(words), parent=context) as context:
        return context.params


def files(page):
    """Of a page's examples: each call, the file that it reads, and what of the page comes before."""
    text = page.read_text(encoding="utf-8")
    before = ""
    for example in examples(text):
        for words in calls(example):
            for name, value in parsed(words).items():
                if name in READ and value is not None and Path(str(value)).suffix:
                    yield words, str(value), before + example.split(str(value))[0]
        before += example


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_call_in_an_example_is_one(page):
    for example in examples(page.read_text(encoding="utf-8")):
        for words in calls(example):
            try:
                parsed(words)
            except UsageError as error:
                pytest.fail(f"{page.name}: wavesynth {' '.join(words)}: {error.format_message()}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_call_in_a_sentence_is_one_but_for_what_it_leaves_to_the_reader(page):
    prose = FENCED.sub("", page.read_text(encoding="utf-8"))
    for code in re.findall(r"`([^`]*\bwavesynth [^`]+)`", prose):
        for words in calls(code.replace("\n", " ")):
            try:
                parsed(words)
            except typer.Exit:  # --help
                pass
            except UsageError as error:
                if type(error).__name__ == "MissingParameter":
                    continue
                pytest.fail(f"{page.name}: wavesynth {' '.join(words)}: {error.format_message()}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_an_example_reads_ships_or_is_made_or_is_described_on_the_page(page):
    prose = FENCED.sub("", page.read_text(encoding="utf-8"))
    for words, file, before in files(page):
        there = (ROOT / file).exists() or file in before or f"`{file}`" in prose
        assert there, f"{page.name}: wavesynth {' '.join(words)}: where does {file} come from?"
