"""Every example on a page runs: Python, the shell, JSON and TOML. One that cannot run here says why on the page.

An example is left out only by a line before it, `<!-- not run: the reason -->`. Its calls of `wavesynth` are parsed
all the same (test_pages.py). Examples call servers of the tests, with two small voices, instead of the reader's own.
"""

import json
import os
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, examples

RUN = [example for page in PAGES for example in examples(page) if example.reason is None]
PROGRAMS = {
    "buf": "needs buf: pip install buf-bin",
    "openssl": "needs openssl: apt-get install openssl",
    "npm": "needs Node.js 18 or newer: apt-get install nodejs npm",
}


def of(language):
    return pytest.mark.parametrize("example", [e for e in RUN if e.language == language], ids=str)


@of("python")
def test_python(example, folder, here):
    if "wavesynth.clients.notebook" in example.code:
        pytest.importorskip("IPython", reason="needs Jupyter: pip install nbclient ipykernel")
    exec(compile(here(example.code), str(example), "exec"), {"__name__": "example"})


@of("sh")
def test_shell(example, shell):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for program, reason in PROGRAMS.items():
        if f"{program} " in example.code and shutil.which(program, path=path) is None:
            pytest.skip(reason)
    shell(example.code)


@of("json")
def test_json(example):
    for line in example.code.splitlines():
        json.loads(line)


@of("toml")
def test_toml(example):
    tomllib.loads(example.code)
