"""A program in an interpreter where some packages cannot be imported."""

import subprocess
import sys
from collections.abc import Sequence

__all__ = ["run_without"]

_ABSENT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
"""


def run_without(packages: Sequence[str], program: str) -> str:
    """What the program prints where it cannot import `packages`; it must end well and say nothing else."""
    command = [sys.executable, "-c", _ABSENT.format(packages=tuple(packages)) + program]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout
