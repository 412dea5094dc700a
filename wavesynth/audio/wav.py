"""The header of a WAV file, held against what there is: recorders that were killed and copies that broke off."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Wav", "look"]

#: Bytes from which on a header's writer did not know how many samples would come: it wrote to a pipe.
_UNKNOWN = 0x7FFF0000


@dataclass(frozen=True)
class Wav:
    """What a header says."""

    seconds: float
    """How long it says that the recording is; 0 if it does not know."""
    notes: tuple[str, ...] = ()
    """What is wrong with it."""
    mended: bytes | None = None
    """The whole file with a header that says what there is, where the header says that there is nothing."""


def look(path: Path) -> Wav | None:
    """The header of a file; None if it is no RIFF WAVE file, or has no samples."""
    with path.open("rb") as file:
        form, rate = file.read(12), 0
        if form[:4] != b"RIFF" or form[8:] != b"WAVE":
            return None
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                break
            body = file.read(size + size % 2)
            if name == b"fmt " and len(body) >= 12:
                (rate,) = struct.unpack_from("<I", body, 8)  # bytes a second
        else:
            return None
        begin, there = file.tell(), path.stat().st_size - file.tell()
        if not rate or not there:
            return None
        if size >= _UNKNOWN and size > there:
            return Wav(0.0, ("has a header that does not say how long it is; all that follows was used",))
        if size:
            return Wav(size / rate)
        rest = file.read()
        if _are_chunks(rest):
            return None
        file.seek(0)
        header = bytearray(file.read(begin))
    header[4:8] = min(begin + there - 8, 0xFFFFFFFF).to_bytes(4, "little")
    header[-4:] = min(there, 0xFFFFFFFF).to_bytes(4, "little")
    note = "has a header that says it is empty, as one whose recorder was killed; all that follows was used"
    return Wav(0.0, (note,), bytes(header) + rest)


def _are_chunks(rest: bytes) -> bool:
    """Whether what stands behind empty samples is other chunks (tags, say), to the end."""
    at = 0
    while at < len(rest):
        name, size = rest[at : at + 4], int.from_bytes(rest[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
        if not (name.isascii() and name.decode("ascii").isprintable()) or at > len(rest) + 1:
            return False
    return True
