"""The command line begins at once: help and completion import nothing that takes long."""

import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from wavesynth.cli import app

#: What takes tenths of seconds, or seconds, to import.
HEAVY = {
    "torch",
    "numpy",
    "scipy",
    "grpc",
    "google",
    "matplotlib",
    "rich",
    "av",
    "soundfile",
    "PIL",
    "asyncio",
}


def group(name=None):
    """The group of all commands, or one of its groups."""
    whole: Any = typer.main.get_command(app)
    return whole.commands[name] if name else whole


def names():
    """The words of every command."""
    for name, command in group().commands.items():
        yield from ([name, below] for below in command.commands) if hasattr(command, "commands") else [[name]]


def imported(*calls, **environment):
    """The modules that are there after calls of the command line, one after the other, in one process."""
    program = (
        "import json, sys\n"
        "from wavesynth.cli import app\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    try:\n"
        "        app(arguments)\n"
        "    except SystemExit as error:\n"
        "        assert not error.code, arguments\n"
        "print('\\n' + json.dumps(list(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, json.dumps(calls)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_a_list_of_commands_imports_none_of_them():
    modules = imported(["--help"], ["image", "--help"], ["bench", "--help"])
    assert not HEAVY & modules
    assert {name for name in modules if name.startswith("wavesynth.cli.")} == {
        f"wavesynth.cli.{name}" for name in ("bench", "compare", "image", "lazy")
    }


def test_no_commands_help_imports_what_takes_long():
    assert not HEAVY & imported(*([*words, "--help"] for words in names()))


def test_completion_imports_no_command():
    environment = {"_WAVESYNTH_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "wavesynth e"}
    program = (
        "import sys, atexit\n"
        "from wavesynth.cli import app\n"
        "atexit.register(lambda: print([name for name in sys.modules if name.startswith('wavesynth.cli.')]))\n"
        "app(prog_name='wavesynth')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | environment
    )
    assert "export" in result.stdout and "Writes a training run" in result.stdout
    assert "evaluate" in result.stdout and "demo" not in result.stdout
    assert "wavesynth.cli.export" not in result.stdout


@pytest.mark.parametrize("words", list(names()), ids=" ".join)
def test_the_list_shows_the_first_sentence_of_a_commands_own_help(words):
    of = group(words[0] if len(words) > 1 else None)
    listed = of.commands[words[-1]]
    whole = listed.load().get_short_help_str(1000)
    assert listed.get_short_help_str() == whole
    assert whole


def test_a_group_says_which_command_does_not_exist():
    result = CliRunner().invoke(app, ["bench", "nothing"])
    assert result.exit_code == 2
    assert "No such command 'nothing'" in result.stderr


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_is_told_that_pytorch_is_being_loaded(terminal, tmp_path):
    (tmp_path / "torch.py").write_text("import sys; sys.stderr.write('(at work)')")
    program = (
        "from wavesynth.cli.loading import announce\n"
        "announce({'torch': 'PyTorch'})\n"
        "import torch\n"
        "assert type(torch.__loader__).__module__ != 'wavesynth.cli.loading'\n"
    )
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "TERM": "xterm"}
    result = subprocess.run(
        [sys.executable, "-c", program],
        stderr=theirs if terminal else subprocess.PIPE,
        env=environment,
        check=True,
    )
    os.close(theirs)
    said = os.read(ours, 1000) if terminal else result.stderr
    os.close(ours)
    assert said == (b"loading PyTorch ...(at work)\r\x1b[K" if terminal else b"(at work)")
