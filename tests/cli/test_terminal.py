"""What commands write is read as it stands: no markup, no commands to the terminal, in whatever encoding there is."""

import io
import sys
import threading
from types import SimpleNamespace

import pytest
import typer
from rich.table import Table
from typer.testing import CliRunner

from wavesynth.cli import app
from wavesynth.cli.terminal import printable, say, terminal, track

HOSTILE = "[/home/alice] [bold]\x1b[2J\x07\u202e\udcff"
SHOWN = "[/home/alice] [bold]\\x1b[2J\\x07\\u202e\\udcff"


def commands(group, *path):
    """Every command of the command line, with its words."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command.load()


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_all_that_is_written_in_the_source(words):
    shown = "".join(CliRunner().invoke(app, [*words, "--help"]).stdout.split())
    command = COMMANDS[words]
    for text in (command.help, *(p.help for p in command.params if not getattr(p, "hidden", False))):
        assert "".join((text or "").split()) in shown


@pytest.mark.parametrize("words", [[], ["bench"], ["image"]], ids=str)
def test_a_list_of_commands_has_their_whole_first_sentences(words):
    _, _, listed = CliRunner().invoke(app, [*words, "--help"]).stdout.partition("Commands:")
    assert listed and "..." not in listed


def test_help_has_an_example_of_every_command():
    assert not [
        words for words, command in COMMANDS.items() if f"Example: wavesynth {words[0]}" not in command.help
    ]


def test_strings_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("COLUMNS", "200")
    table = Table(f"column {HOSTILE}")
    table.add_row(HOSTILE)
    terminal().print(table)
    terminal().print(HOSTILE)
    say(HOSTILE)
    written = sys.stdout.getvalue()
    assert written.count(SHOWN) == 4 and "\x1b" not in written


def test_a_bar_shows_its_description_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert list(track(range(3), HOSTILE)) == [0, 1, 2]
    assert SHOWN in sys.stderr.getvalue() and "\x1b[2J" not in sys.stderr.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_moves_and_tables_do_without_letters_that_the_encoding_lacks(encoding, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding, errors="strict", write_through=True))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = terminal(stderr=True)
    console.print(Table("voice"))
    with console.status("Reading"):  # draws once as it begins, and once as it ends
        pass
    list(track(range(3), "Measuring"))
    assert b"Reading" in raw.getvalue() and b"Measuring" in raw.getvalue()


def test_text_of_any_language_is_printable():
    text = "Grüße, 日本語, نص, μ-law → ±1\n\tπ"
    assert printable(text) == text


@pytest.mark.parametrize("seconds", [0.01, 1.0])
def test_without_a_terminal_long_work_says_now_and_then_how_far_it_is(seconds, monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("wavesynth.cli.terminal.time", SimpleNamespace(monotonic=lambda: now[0]))
    for _ in track(range(40), "Work"):
        now[0] += seconds
    expected = [] if seconds < 1 else ["Work: 2/40", "Work: 17/40", "Work: 32/40"]
    assert capsys.readouterr().err.splitlines() == expected


def test_without_a_terminal_a_first_item_that_takes_long_is_not_waited_for(monkeypatch):
    said, lines = threading.Event(), []
    monkeypatch.setattr("wavesynth.cli.terminal.SECONDS_BEFORE_A_LINE", 0)
    monkeypatch.setattr("wavesynth.cli.terminal.say", lambda line, err: lines.append(line) or said.set())

    def items():
        assert said.wait(30)
        yield 1

    assert list(track(items(), "long form  ", 1)) == [1]
    assert lines == ["long form: 0/1", "long form: 1/1"]
