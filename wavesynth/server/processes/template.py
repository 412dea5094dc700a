"""The process that front ends are forked from: it has imported all that they need, so a new one is there at once.

It has no channel, no event loop and no threads, so forking it is safe. When the engine's process has ended, it ends
too, after its front ends.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

__all__ = ["METRICS", "Template", "run_template"]

#: The variable that names the folder where processes count what becomes one page of metrics (prometheus_client).
METRICS = "PROMETHEUS_MULTIPROC_DIR"

#: The package is found where this process has found it, whatever the working directory holds.
_PROGRAM = (
    "import sys; sys.path[:] = {path!r}; from wavesynth.server.processes.template import run_template; "
    "run_template({fd}, {web})"
)
#: Seconds that front ends have to end before they are killed, once the engine's process has closed the socket.
_PATIENCE = 5.0


class Template:
    """The template's process, as the engine's process has it."""

    def __init__(self, web: bool, environment: Mapping[str, str]) -> None:
        self._web, self._environment = web, dict(environment)
        self._start()

    def fork(self) -> socket.socket:
        """Starts a front end; the socket to it. The front end ends when the socket is closed."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._socket, [b"\0"], [theirs.fileno()])
            except OSError:  # somebody has killed it
                self.close()
                self._start()
                socket.send_fds(self._socket, [b"\0"], [theirs.fileno()])
        return ours

    def close(self) -> None:
        """Waits until all front ends have ended, whose sockets must be closed, and ends."""
        self._socket.close()
        self._process.wait()

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            program = _PROGRAM.format(path=sys.path, fd=theirs.fileno(), web=self._web)
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, "wavesynth front ends"],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # which says when the server is ready, and is the engine's process's
                env={**os.environ, **self._environment},
            )


def run_template(fd: int, web: bool) -> None:
    """Forks a front end for each socket that comes, until the engine's process has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the engine's process alone says when to end
    from wavesynth.server.processes.front_end import run_front_end

    if web:
        import wavesynth.server.web.serving  # noqa: F401
    children: set[int] = set()

    def reap(*_: object) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                children.discard(ended)

    gc.freeze()
    template = socket.socket(fileno=fd)
    signal.signal(signal.SIGCHLD, reap)
    while True:
        word, descriptors, *_ = socket.recv_fds(template, 1, 1)
        if not word:
            break
        end = socket.socket(fileno=descriptors[0])
        if (child := os.fork()) == 0:
            code = 1
            try:
                template.close()
                for number in (signal.SIGCHLD, signal.SIGTERM):
                    signal.signal(number, signal.SIG_DFL)
                code = run_front_end(end)
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.add(child)
        end.close()
    deadline = time.monotonic() + _PATIENCE
    while children and time.monotonic() < deadline:
        time.sleep(0.02)  # a child that ends interrupts nothing but this
    for child in list(children):
        os.kill(child, signal.SIGKILL)
    if folder := os.environ.get(METRICS):
        shutil.rmtree(folder, ignore_errors=True)
