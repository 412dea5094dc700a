"""A server of its own process on a free port, for commands that bring their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wavesynth.__main__ import main

__all__ = ["local_server"]

#: The server finds the package where this process has found it, whatever the working directory holds.
_PROGRAM = "import sys; sys.path[:] = {path!r}; from wavesynth.cli.local_server import _serve; _serve()"


@contextmanager
def local_server(*options: str | Path) -> Iterator[str]:
    """Starts `wavesynth serve --port 0 OPTIONS`; yields its address when it is ready, and ends it afterwards.

    It ends as well when this process does, however it ends. Raises ValueError with the server's own sentence if it
    does not start.
    """
    command = [sys.executable, "-c", _PROGRAM.format(path=sys.path), "serve", "--port", "0"]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [*command, *map(str, options)],
            stdin=subprocess.PIPE,  # which closes with this process
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
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


def _serve() -> None:
    """The command line, until the process that started this one ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main()


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
