"""Where voices are: found by their files, without loading them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

__all__ = ["SHIPPED", "find_voices", "shipped_readers", "shipped_voice"]

#: The folder of the voices that ship.
SHIPPED = Path(__file__).parent / "shipped"


def find_voices(folder: str | Path = SHIPPED) -> dict[str, Path]:
    """The folders below `folder` that hold a voice, by their names, in order."""
    return {path.parent.name: path.parent for path in sorted(Path(folder).glob("*/voice.json"))}


def shipped_voice(source: str | Path, holds: str = "voice.json") -> Path | None:
    """The folder of the voice that ships which a text names; None for other texts, and for a path.

    A bare name that ships always means that voice. What stands under that name in the working directory is meant by a
    path with a separator, as ./NAME. If such a folder has the file `holds` ("" for any folder), UserWarning says so.
    """
    folder = find_voices().get(source) if isinstance(source, str) else None
    if folder is not None and (Path(source) / holds).exists():
        warnings.warn(f"{source} is the voice that ships; the folder here is ./{source}", stacklevel=2)
    return folder


def shipped_readers() -> list[str]:
    """The names of the voices that ship and read text, in order."""
    described = {name: (folder / "voice.json").read_bytes() for name, folder in find_voices().items()}
    return [name for name, text in described.items() if json.loads(text).get("text") is not None]
