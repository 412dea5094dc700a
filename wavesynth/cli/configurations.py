"""The configurations that ship, by their names."""

from __future__ import annotations

from pathlib import Path

__all__ = ["find_configuration", "shipped_configurations"]

_FOLDER = Path(__file__).parents[1] / "configurations"


def shipped_configurations(images: bool = False) -> dict[str, Path]:
    """The files of the runs of voices, or of models of images, by their names, in order."""
    folder = _FOLDER / "images" if images else _FOLDER
    return {path.stem: path for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem)}


def find_configuration(given: Path, images: bool = False) -> Path:
    """The file that `given` is or, if there is none and it is the name of a configuration that ships, that one's.

    Raises ValueError, naming what ships, if it is neither.
    """
    shipped = shipped_configurations(images)
    if given.exists():
        return given
    if str(given) in shipped:
        return shipped[str(given)]
    raise ValueError(
        f"configuration {given} cannot be read: No such file or directory; it must be a TOML file, "
        f"or a configuration that ships: {', '.join(shipped)}"
    )
