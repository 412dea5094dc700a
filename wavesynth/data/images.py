"""Sets of images: the idx files of MNIST and its kin, or a folder of image files.

    read_images("mnist", "train")      train-images-idx3-ubyte(.gz), t10k-labels-idx1-ubyte(.gz), ...
    read_images("photos", "test")      photos/*.png, or photos/CLASS/*.png

Of idx files the last sixth of the training files is the validation set (MNIST: 50,000, 10,000 and 10,000 images);
of a folder each file's name decides (`split.split_of`).
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from wavesynth.audio.recordings import Ignored, find, summary
from wavesynth.data.split import Split, split_of, stem_of
from wavesynth.models.pixels import nearest

__all__ = ["ImageSet", "ignored_images", "quantise", "read_idx", "read_image", "read_images"]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
_MODES = {1: ("L", "1"), 3: ("RGB",), 4: ("RGBA",)}
_MAX_BYTES = 4 << 30
_EXPECTED = (
    "train-images-idx3-ubyte and t10k-images-idx3-ubyte, compressed (.gz) or not, or images ("
    + ", ".join(sorted(_SUFFIXES))
    + ")"
)


@dataclass(frozen=True)
class ImageSet:
    """Images, uint8 [N, H, W, C], their classes, int64 [N], or None, and the classes' names."""

    images: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)


def quantise(images: Tensor, levels: int, generator: torch.Generator) -> Tensor:
    """Intensities, uint8, as whole numbers below `levels`, int64.

    256 levels are the intensities themselves. 2 levels are drawn: white with probability intensity / 255
    (Salakhutdinov and Murray, "On the Quantitative Analysis of Deep Belief Networks", 2008). Others are equal steps.
    """
    if levels == 2:
        return (torch.rand(images.shape, generator=generator) * 255 < images).long()
    return nearest(images, levels)


def read_images(folder: str | Path, split: Split) -> ImageSet:
    """A split of a folder. Raises ValueError if the folder holds no images, or broken or unequal ones."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; it must be one that holds {_EXPECTED}")
    return _from_idx(folder, split) if _has_idx(folder) else _from_files(folder, split)


def ignored_images(folder: str | Path) -> list[dict[str, str]]:
    """`source` and `reason` of what `read_images` does not take as an image; beside idx files nothing is told."""
    folder = Path(folder)
    return [] if _has_idx(folder) else summary(one for one in _find(folder) if isinstance(one, Ignored))


def read_idx(path: str | Path) -> np.ndarray:
    """The array of unsigned bytes in an idx file, compressed with gzip or not; ValueError if it is none."""
    path = Path(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4)
            if len(header) < 4 or header[:3] != b"\0\0\x08" or not 1 <= header[3] <= 4:
                raise ValueError(
                    f"{path} is not an idx file of unsigned bytes: it begins with {header.hex() or 'nothing'}"
                )
            sizes = file.read(4 * header[3])
            if len(sizes) < 4 * header[3]:
                raise ValueError(f"{path} ends within its header")
            shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
            wanted = math.prod(shape)
            if wanted > _MAX_BYTES:
                raise ValueError(f"{path} says that it holds {wanted} bytes; at most {_MAX_BYTES} are read")
            data = file.read(wanted + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if len(data) != wanted:
        held = f"{len(data)}" if len(data) < wanted else "more"
        raise ValueError(f"{path} must hold {wanted} bytes, {' x '.join(map(str, shape))}; it holds {held}")
    return np.frombuffer(data, np.uint8).reshape(shape).copy()


def read_image(path: str | Path, channels: int | None = None) -> Tensor:
    """The intensities in an image file, uint8 [H, W, C]; ValueError if it is none or has other channels.

    Without `channels`, grey images have one, all others three.
    """
    try:
        with Image.open(path) as file:
            image: Image.Image = file
            if channels is None:
                channels = 1 if image.mode in _MODES[1] else 3
                image = image.convert(_MODES[channels][0])
            if image.mode not in _MODES.get(channels, ()):
                raise ValueError(
                    f"{path} has mode {image.mode}; it must be {' or '.join(_MODES.get(channels, ('?',)))}, "
                    f"{channels} channel{'s' * (channels != 1)} of 8 bits"
                )
            array = np.asarray(image.convert(_MODES[channels][0]), np.uint8)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is not an image that can be read: {error}") from error
    return torch.from_numpy(array.reshape(*array.shape[:2], channels).copy())


def _has_idx(folder: Path) -> bool:
    return any(_idx(folder, f"{prefix}-images-idx3-ubyte") for prefix in ("train", "t10k"))


def _find(folder: Path) -> Iterator[Path | Ignored]:
    return find(folder, suffixes=_SUFFIXES, kind="an image")


def _idx(folder: Path, name: str) -> Path | None:
    return next((path for end in ("", ".gz") if (path := folder / f"{name}{end}").exists()), None)


def _from_idx(folder: Path, split: Split) -> ImageSet:
    prefix = "t10k" if split == "test" else "train"
    path = _idx(folder, f"{prefix}-images-idx3-ubyte")
    if path is None:
        raise ValueError(f"{folder} lacks {prefix}-images-idx3-ubyte or {prefix}-images-idx3-ubyte.gz")
    images = read_idx(path)
    if images.ndim != 3:
        raise ValueError(f"{path} has {images.ndim} dimensions; it must have 3, images x rows x columns")
    labels = None
    if (beside := _idx(folder, f"{prefix}-labels-idx1-ubyte")) is not None:
        labels = read_idx(beside)
        if labels.shape != images.shape[:1]:
            raise ValueError(f"{beside} holds {len(labels)} labels; {path} holds {len(images)} images")
    part = slice(None)
    if split != "test":
        first = len(images) - len(images) // 6
        part = slice(first, None) if split == "validation" else slice(first)
    if not len(images[part]):
        raise ValueError(f"{path} holds {len(images)} images, which leaves none for the {split} set")
    classes = () if labels is None else tuple(map(str, range(int(labels.max()) + 1)))
    return ImageSet(
        torch.from_numpy(images[part])[..., None],
        None if labels is None else torch.from_numpy(labels[part]).long(),
        classes,
    )


def _from_files(folder: Path, split: Split) -> ImageSet:
    names = sorted(one for one in _find(folder) if isinstance(one, Path))
    if not names:
        raise ValueError(f"{folder} holds no images; it must hold {_EXPECTED}")
    classes = sorted({name.parts[0] for name in names}) if all(len(name.parts) == 2 for name in names) else []
    chosen = [name for name in names if split_of(stem_of(name)) == split]
    if not chosen:
        raise ValueError(f"{folder} holds {len(names)} images, of which none is in the {split} set; add some")
    images: list[Tensor] = []
    broken: list[str] = []
    for name in chosen:
        try:
            images.append(read_image(folder / name, images[0].shape[2] if images else None))
        except ValueError as error:
            broken.append(str(error))
    if broken:
        raise ValueError(
            f"{folder} has {len(broken)} broken files; take them out or repair them: {broken[0]}"
        )
    for name, image in zip(chosen, images, strict=True):
        if image.shape != images[0].shape:
            raise ValueError(
                f"{folder / name} has height, width and channels {list(image.shape)}; "
                f"they must be those of {chosen[0]}, {list(images[0].shape)}"
            )
    labels = torch.tensor([classes.index(name.parts[0]) for name in chosen]) if classes else None
    return ImageSet(torch.stack(images), labels, tuple(classes))
