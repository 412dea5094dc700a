"""The files of a voice or of a model of images: a description, in JSON, and weights.safetensors. Nothing is unpickled.

Every format number that was ever written is read for ever. A description has exactly the fields of its format: a field
that this version does not know could change what is made, so it is refused and not ignored. `wavesynth` names the
version that wrote the file, so that an older one can say what it takes to read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from wavesynth.checks import build
from wavesynth.extras import DISTRIBUTION
from wavesynth.files import atomic_path, read_text

__all__ = [
    "FormatError",
    "check_fields",
    "check_format",
    "in_file",
    "read_config",
    "read_description",
    "read_weights",
    "version",
    "write_folder",
]

_WEIGHTS = "weights.safetensors"
_MAX_BYTES = 256 << 20
Config = TypeVar("Config")


class FormatError(ValueError):
    """The files of a voice or a model are not as they must be; the message names file, field and limit."""


def version() -> str:
    """This wavesynth's version."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "unknown"


@contextmanager
def in_file(path: Path) -> Iterator[None]:
    """Names the file in what is raised within about what it holds: FormatError."""
    try:
        yield
    except FormatError:
        raise
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error


def check_format(what: str, description: Any, newest: int) -> int:
    """The format of the description `what`, 1 to `newest`; ValueError, with the version that it takes, for another."""
    if not isinstance(description, dict):
        raise ValueError(f"{what} is {type(description).__name__}; it must be an object")
    number = description.get("format")
    later = False
    if isinstance(number, int) and not isinstance(number, bool):
        if 1 <= number <= newest:
            return number
        later = number > newest
    message = f"format is {number!r}; wavesynth {version()} reads {'1' if newest == 1 else f'1 to {newest}'}"
    if later:
        writer = description.get("wavesynth")
        needed = f"{writer}, which wrote it, or newer" if isinstance(writer, str) else "a newer version"
        message += f": install {needed}"
    raise ValueError(message)


def check_fields(what: str, values: Any, names: set[str]) -> None:
    """ValueError unless `values` is an object of these fields."""
    if not isinstance(values, dict):
        raise ValueError(f"{what} is {type(values).__name__}; it must be an object")
    if missing := sorted(names - set(values)):
        raise ValueError(f"{what} lacks {', '.join(missing)}")
    if extra := sorted(set(values) - names):
        raise ValueError(f"{what} has {', '.join(extra)}, which it must not have")


def read_config(name: str, values: Any, config: type[Config]) -> Config:
    """The dataclass of the field `name`, of exactly its fields, each of its type. Raises ValueError."""
    check_fields(name, values, {f.name for f in fields(config)})  # type: ignore[arg-type]
    try:
        return build("", config, values)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def read_description(path: Path, newest: int) -> tuple[int, dict[str, Any]]:
    """The format and the fields of the description in a file. Raises FormatError if it cannot be read, or if its format
    is none of 1 to `newest`."""
    try:
        values = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} cannot be read: {error}") from error
    with in_file(path):
        return check_format(path.name, values, newest), values


def read_weights(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """The tensors in a folder, in float32: those of `shapes` and no others. Raises FormatError, naming the tensor, if
    the file cannot be read or is too large, or if one is missing, left over, of another shape or not finite."""
    path = folder / _WEIGHTS
    try:
        if (size := path.stat().st_size) > _MAX_BYTES:
            raise FormatError(f"{path} has {size} bytes; at most {_MAX_BYTES} are read")
        with safe_open(path, "np") as file:
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, TypeError, AttributeError) as error:  # of a type that NumPy lacks
        raise FormatError(f"{path} cannot be read: {error}") from error
    with in_file(path):
        check_fields("weights", tensors, set(shapes))
        for name, shape in shapes.items():
            found = tensors[name]
            if found.shape != shape:
                raise ValueError(f"{name} has shape {list(found.shape)}; it must be {list(shape)}")
            if not np.isfinite(found).all():
                raise ValueError(f"{name} has NaN or infinite values; it must be finite")
    return tensors


def write_folder(
    folder: Path, name: str, description: dict[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> None:
    """Writes the weights and then the description, in the file `name`: each is replaced as a whole, or left."""
    with atomic_path(folder / _WEIGHTS) as path:
        save_file(dict(tensors), path)
    with atomic_path(folder / name) as path:
        path.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
