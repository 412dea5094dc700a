"""Where a script's table and picture go: `OUT/NAME.md` and `OUT/NAME.png`, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from wavesynth.files import atomic_path, check_output

__all__ = ["check", "save"]


def check(folder: Path, name: str) -> None:
    """Raises OSError, naming it, if one of the two cannot be written. Call it before the work."""
    for suffix in (".md", ".png"):
        check_output(folder / (name + suffix))


def save(folder: Path, name: str, table: str, figure: Figure | None = None) -> None:
    """Prints the table and writes it, and the picture if there is one."""
    print(table)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / f"{name}.md") as path:
        path.write_text(table, "utf-8")
    if figure is not None:
        with atomic_path(folder / f"{name}.png") as path:
            figure.savefig(path, format="png")
