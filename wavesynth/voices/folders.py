"""Where voices are: found by their files, without reading them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SHIPPED", "find_voices"]

#: The folder of the voices that ship.
SHIPPED = Path(__file__).parent / "shipped"


def find_voices(folder: str | Path = SHIPPED) -> dict[str, Path]:
    """The folders below `folder` that hold a voice, by their names, in order."""
    return {path.parent.name: path.parent for path in sorted(Path(folder).glob("*/voice.json"))}
