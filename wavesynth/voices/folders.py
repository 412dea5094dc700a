"""Where voices are: found by their files, without loading them."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["SHIPPED", "find_voices", "shipped_readers"]

#: The folder of the voices that ship.
SHIPPED = Path(__file__).parent / "shipped"


def find_voices(folder: str | Path = SHIPPED) -> dict[str, Path]:
    """The folders below `folder` that hold a voice, by their names, in order."""
    return {path.parent.name: path.parent for path in sorted(Path(folder).glob("*/voice.json"))}


def shipped_readers() -> list[str]:
    """The names of the voices that ship and read text, in order."""
    described = {name: (folder / "voice.json").read_bytes() for name, folder in find_voices().items()}
    return [name for name, text in described.items() if json.loads(text).get("text") is not None]
