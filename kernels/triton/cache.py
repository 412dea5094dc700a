"""Where Triton keeps what it has compiled, for a user whose home cannot be written: a container, a system service."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["writable_cache"]


def writable_cache() -> None:
    """Has Triton use a folder of this process's own, which ends with it, if it is told of none and cannot make its own.

    A folder with a name that all processes know would be somebody else's to fill with kernels.
    """
    if {"TRITON_CACHE_DIR", "TRITON_HOME"} & os.environ.keys():
        return
    folder = Path.home() / ".triton" / "cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        os.environ["TRITON_CACHE_DIR"] = tempfile.mkdtemp(prefix="wavesynth-triton-")
        atexit.register(shutil.rmtree, os.environ["TRITON_CACHE_DIR"], ignore_errors=True)
