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
from dataclasses import dataclass
from pathlib import Path

from wavesynth.__main__ import main

__all__ = ["LocalServer", "local_server"]

#: The server finds the package where this process has found it, whatever the working directory holds.
_PROGRAM = "import sys; sys.path[:] = {path!r}; from wavesynth.cli.local_server import _serve; _serve()"


@dataclass(frozen=True)
class LocalServer:
    """A server that runs."""

    address: str
    pid: int
    """Of its process, whose children are the server's too."""
    _log: int

    def log(self) -> list[str]:
        """What it has written to standard error so far, in lines."""
        # The server writes at the position of the same open file: it must stay where it is.
        return os.pread(self._log, os.fstat(self._log).st_size, 0).decode(errors="replace").splitlines()


@contextmanager
def local_server(*options: str | Path) -> Iterator[LocalServer]:
    """Starts `wavesynth serve --port 0 OPTIONS`; yields it when it is ready, and ends it afterwards.

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
            yield LocalServer(line.removeprefix("listening on ").strip(), process.pid, log.fileno())
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
