"""Playing in a notebook says what it needs."""

import importlib
import sys

import pytest


def test_without_jupyter_the_notebook_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "wavesynth.clients.notebook", raising=False)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(OSError, match=r"playing in a notebook needs .*pip install .*\[notebook\]'"):
        importlib.import_module("wavesynth.clients.notebook")
