"""What of Matplotlib draws, imported in silence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Axes", "AxesImage", "Figure", "FigureCanvasAgg", "colormaps"]


@contextmanager
def _silence() -> Iterator[None]:
    """Without Matplotlib's lines on where its cache is when the home cannot be written: it ends with the process."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


with _silence():
    from matplotlib import colormaps
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
