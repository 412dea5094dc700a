"""What is being loaded, said on a terminal while an import takes seconds, and gone when it is done."""

from __future__ import annotations

import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

__all__ = ["announce"]


class _Announcing(Loader):
    """Loads a module as its own loader does, and says so meanwhile."""

    def __init__(self, loader: Loader, what: str) -> None:
        self._loader, self._what = loader, what

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader  # the module looks as it does without this
        sys.stderr.write(f"loading {self._what} ...")
        sys.stderr.flush()
        try:
            self._loader.exec_module(module)
        finally:
            sys.stderr.write("\r\x1b[K")  # the line is cleared before anything else is written
            sys.stderr.flush()


class _Finder(MetaPathFinder):
    def __init__(self, slow: dict[str, str]) -> None:
        self._slow = slow

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self._slow:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Announcing(spec.loader, self._slow[name])
        return spec


def announce(slow: dict[str, str]) -> None:
    """Has the import of each module in `slow` say what is loaded, by the name given, where standard error is a
    terminal."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        sys.meta_path.insert(0, _Finder(slow))
