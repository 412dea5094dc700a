"""Programs in interpreters where some packages cannot be imported."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["EXTRAS", "command_without", "environment_without", "run_without"]

#: What serving and speaking do without: packages of extras, and FFmpeg's, which only some recordings need.
EXTRAS = ("torch", "triton", "scipy", "matplotlib", "PIL", "tensorboard", "av")

_ABSENT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


def command_without(packages: Sequence[str], program: str) -> list[str]:
    """The command that runs the program where `packages` cannot be imported; its arguments may follow."""
    return [sys.executable, "-c", _ABSENT.format(packages=tuple(packages)) + program]


def run_without(packages: Sequence[str], program: str) -> str:
    """What the program prints where it cannot import `packages`; it must end well and say nothing else."""
    ended = subprocess.run(command_without(packages, program), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def environment_without(packages: Sequence[str], folder: Path) -> dict[str, str]:
    """The environment in which an interpreter, and every one that it starts, cannot import `packages`; the folder is
    for what that takes."""
    (folder / "sitecustomize.py").write_text(_ABSENT.format(packages=tuple(packages)))
    return os.environ | {"PYTHONPATH": str(folder)}
