"""Arguments that several of the commands for images take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Data", "Model", "read_levels"]

Model = Annotated[
    Path, typer.Argument(help="A model that ships, an exported one, a run's folder or a checkpoint.")
]
Data = Annotated[Path, typer.Option(help="Folder of idx files or of images.")]


def read_levels(network: Any, path: Path) -> Tensor:
    """An image in a file as the network takes it, levels [H, W, C]. Raises ValueError if it does not fit."""
    from wavesynth.data.images import read_image
    from wavesynth.images.sampling import check_pixels
    from wavesynth.models.pixels import nearest

    c = network.config
    levels = nearest(read_image(path, c.channels), c.levels)
    check_pixels(network, levels[None])
    return levels
