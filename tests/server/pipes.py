"""Pipes that nobody reads."""

import fcntl
import os
from contextlib import contextmanager


@contextmanager
def pipe(full=False):
    """A pipe: the descriptor that reads, and a text stream; full, or empty."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="ascii", errors="backslashreplace") as stream:
        if full:
            fill(writer)
        yield reader, stream
        os.close(reader)


def fill(writer):
    """Leaves no room in a pipe."""
    size = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    os.write(writer, b"." * size)
