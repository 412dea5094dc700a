"""Ports for servers at several addresses."""

import errno
import socket
from contextlib import ExitStack

__all__ = ["free_port"]


def free_port(hosts, ask=0):
    """A port that is free at all these addresses of this machine; the first to be tried is `ask`, or any."""
    while True:
        with ExitStack() as held:
            port = ask
            try:
                for host in hosts:
                    one = held.enter_context(socket.socket())
                    one.bind((host, port))
                    port = one.getsockname()[1]
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                ask = 0
