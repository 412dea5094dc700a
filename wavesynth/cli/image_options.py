"""Arguments that several of the commands for images take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Data", "Model"]

Model = Annotated[
    Path, typer.Argument(help="A model that ships, an exported one, a run's folder or a checkpoint.")
]
Data = Annotated[Path, typer.Option(help="Folder of idx files or of images.")]
