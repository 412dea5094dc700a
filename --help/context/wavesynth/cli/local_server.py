"""A server of its own process on a free port, for commands that bring their own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["local_server"]


@contextmanager
def local_server(*options: str | Path) -> Iterator[str]:
    """Starts `wavesynth serve --port 0 OPTIONS`; yields its address when it is ready, and ends it afterwards.

    Raises ValueError with the server's own sentence if it does not start.
    """
    command = [sys.executable, "-c", "from wavesynth.cli import main; main()", "serve", "--port", "0"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*command, *map(str, options)], stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                log.seek(0)
                said = log.read().strip().splitlines() or ["it said nothing"]
                raise ValueError(f"the server did not start: {said[-1]}")
            yield line.removeprefix("listening on ").strip()
        finally:
            process.terminate()
            process.wait()
