"""Images for eyes: grids and the way of an image from nothing, as PNG files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from wavesynth.files import atomic_path, check_output, shown

__all__ = ["check_png", "grid", "progress", "save_png", "shaded"]

_BORDER = 2
_UNKNOWN = 96  # the grey of what is not made yet


def shaded(images: Tensor, pixels: int) -> Tensor:
    """`images` [N, H, W, C] with all but their first `pixels` pixels in one grey."""
    out = images.clone()
    out.flatten(1, 2)[:, pixels:] = _UNKNOWN
    return out


def progress(images: Tensor, steps: int, first: int = 0) -> Tensor:
    """Each image at `steps` moments from `first` pixels to the last one: uint8 [N · steps, H, W, C]."""
    total = images.shape[1] * images.shape[2]
    moments = [first + (total - first) * i // (steps - 1) for i in range(steps)]
    return torch.stack([shaded(images, moment) for moment in moments], 1).flatten(0, 1)


def grid(images: Tensor, columns: int, scale: int = 3) -> Tensor:
    """One picture, uint8 [H', W', C], of `images` uint8 [N, H, W, C] in rows of `columns`, each pixel `scale` wide."""
    count, height, width, channels = images.shape
    lines = -(-count // columns)
    cell_h, cell_w = height * scale + _BORDER, width * scale + _BORDER
    out = torch.full((lines * cell_h + _BORDER, columns * cell_w + _BORDER, channels), 40, dtype=torch.uint8)
    large = images.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    for i, image in enumerate(large):
        top, left = _BORDER + i // columns * cell_h, _BORDER + i % columns * cell_w
        out[top : top + height * scale, left : left + width * scale] = image
    return out


def check_png(sources: Iterable[Path | None] = (), **paths: Path | None) -> None:
    """ValueError unless each path, by the option's name, ends in .png, is none of the `sources` and no other path;
    OSError unless each can be written."""
    first: dict[Path, str] = {}
    for name, path in paths.items():
        if path is None:
            continue
        check_output(path, ".png", sources=sources, name=name)
        if (other := first.setdefault(path.resolve(), name)) != name:
            raise ValueError(
                f"{name} is {shown(path)}, which {other} is already; each must be a file of its own"
            )


def save_png(path: str | Path, image: Tensor) -> None:
    """Writes one image, uint8 [H, W, C]."""
    array = image.numpy()
    with atomic_path(path) as temporary:
        Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(temporary, format="PNG")
