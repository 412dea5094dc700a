"""What continuous integration asks of tests that are left out: none is, but for a reason on the list."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).with_name("skips.py")
SKIPPING = """
import pytest

def test_that_runs(): pass
def test_for_a_gpu(): pytest.skip("needs an NVIDIA GPU, and there is none")
def test_for_something(): pytest.skip("needs something")
"""


@pytest.mark.parametrize("processes", [0, 2])
def test_a_test_left_out_for_a_reason_that_is_not_listed_fails_the_run(tmp_path, processes):
    shutil.copy(
        PLUGIN, tmp_path / "conftest.py"
    )  # without what else the tests here need: PyTorch takes seconds
    (tmp_path / "test_some.py").write_text(SKIPPING)
    (tmp_path / "test_file.py").write_text(
        "import pytest; pytest.importorskip('no_such', reason='needs some file')"
    )
    (tmp_path / "allowed.txt").write_text("# reasons\n\nneeds an NVIDIA GPU\nneeds some file\n")
    arguments = ["--rootdir", tmp_path, "--allowed-skips", "allowed.txt", "--skipped-to", "skipped.txt"]
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"-n{processes}",
            *arguments,
            tmp_path,
        ],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    left_out = (tmp_path / "skipped.txt").read_text().splitlines()
    assert sorted(left_out) == [
        "test_file.py",
        "test_some.py::test_for_a_gpu",
        "test_some.py::test_for_something",
    ]
    refused = [line for line in run.stdout.splitlines() if line.startswith("left out, and not allowed")]
    assert refused == ["left out, and not allowed to be: test_some.py::test_for_something: needs something"]
