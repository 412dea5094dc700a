"""Text from standard input, piece by piece as it comes."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterator
from typing import cast

__all__ = ["typed"]

#: Bytes that are read at once, if they are there.
_AT_ONCE = 4096


def typed() -> Iterator[str]:
    """What standard input holds, as it comes. Raises ValueError, in a sentence, for what is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    file, read = cast("io.BufferedReader", sys.stdin.buffer), 0
    while data := file.read1(_AT_ONCE):  # what has come, not all of it
        yield _decoded(decoder, data, read)
        read += len(data)
    _decoded(decoder, b"", read)


def _decoded(decoder: codecs.IncrementalDecoder, data: bytes, read: int) -> str:
    try:
        return decoder.decode(data, final=not data)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"standard input is not UTF-8: {error.reason} after about {read + error.start} bytes"
        ) from error
