"""Runs the examples of docstrings."""

import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDERS = {"wavesynth": "wavesynth", "kernels": "wavesynth.kernels", "clients": "wavesynth.clients"}


def modules_with_examples() -> Iterator[str]:
    """The installed names of the modules whose docstrings have examples."""
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(ROOT / folder).with_suffix("").parts
                yield ".".join([package, *parts]).removesuffix(".__init__")


def run_examples(module: str, **names: Any) -> tuple[int, int]:
    """Runs a module's examples, which see `names` besides what the module has; how many failed and how many ran."""
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    results = doctest.testmod(importlib.import_module(module), extraglobs=names, optionflags=options)
    return results.failed, results.attempted - getattr(
        results, "skipped", 0
    )  # Python 3.13 counts those skipped
