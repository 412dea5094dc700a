"""The files of a voice or of a model of images: a description, in JSON, and weights.safetensors. Nothing is unpickled.

Every format number that was ever written is read for ever. A description has exactly the fields of its format: a field
that this version does not know could change what is made, so it is refused and not ignored. `wavesynth` names the
version that wrote the file, so that an older one can say what it takes to read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from wavesynth.checks import UNPRINTABLE, brief, build, require_value
from wavesynth.extras import DISTRIBUTION
from wavesynth.files import atomic_path, check_is_file, read_text, shown

__all__ = [
    "FormatError",
    "check_fields",
    "check_format",
    "check_name",
    "check_texts",
    "in_file",
    "read_config",
    "read_description",
    "read_folders",
    "read_weights",
    "version",
    "write_config",
    "write_folder",
]

_WEIGHTS = "weights.safetensors"
#: Bytes of a description that are read, and of weights.
_MAX_DESCRIPTION = 1 << 20
_MAX_WEIGHTS = 256 << 20
#: What weights may be.
_FLOATS = ("F16", "F32", "F64")
#: Characters of a text of a description, and of a name: every listing has them all.
_MAX_TEXT = 4000
_MAX_NAME = 100
#: Names that a sentence lists.
_LISTED = 10
Config = TypeVar("Config")
Named = TypeVar("Named")


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
        raise FormatError(f"{shown(path)}: {error}") from error


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
    message = (
        f"format is {brief(number)}; wavesynth {version()} reads {'1' if newest == 1 else f'1 to {newest}'}"
    )
    if later:
        writer = description.get("wavesynth")
        said = isinstance(writer, str) and 0 < len(writer) <= _MAX_NAME and writer.isprintable()
        needed = f"{writer}, which wrote it, or newer" if said else "a newer version"
        message += f": install {needed}"
    raise ValueError(message)


def check_fields(what: str, values: Any, names: set[str]) -> None:
    """ValueError unless `values` is an object of these fields."""
    if not isinstance(values, dict):
        raise ValueError(f"{what} is {type(values).__name__}; it must be an object")
    if missing := sorted(names - set(values)):
        raise ValueError(f"{what} lacks {_listed(missing)}")
    if extra := sorted(set(values) - names):
        raise ValueError(f"{what} has {_listed(extra)}, which it must not have")


def check_texts(values: Mapping[str, Any], names: Iterable[str]) -> None:
    """ValueError unless these fields are texts that can be listed and printed; `name` is checked by `check_name`."""
    for name in names:
        text = values[name]
        require_value(name, text, isinstance(text, str), "a text")
        if len(text) > _MAX_TEXT:
            raise ValueError(f"{name} has {len(text)} characters; it must have at most {_MAX_TEXT}")
        if found := UNPRINTABLE.search(text):
            raise ValueError(f"{name} has {found[0]!r}; it must have no control characters")
        if name == "name":
            check_name(name, text)


def check_name(field: str, name: str) -> None:
    """ValueError unless `name`, which the field has, can stand in a line and for a file: of 1 to 100 characters that
    can be printed, and no path."""
    holds = 0 < len(name) <= _MAX_NAME and name == name.strip() and not set(name) & set("/\\\n\t")
    holds = holds and not name.startswith(".") and not UNPRINTABLE.search(name)
    allowed = f"1 to {_MAX_NAME} printable characters, no / or \\, no dot or space at its beginning"
    require_value(field, name, holds, allowed)


def write_config(config: Any, least: int = 0) -> tuple[dict[str, Any], int]:
    """The fields of a dataclass as the oldest format from `least` on has them that can say what they are, and that
    format's number; 0 if all can. `config.later` has the formats that fields came with, if not with the first."""
    later, values = getattr(config, "later", {}), asdict(config)
    new = {f.name for f in fields(config) if f.name in later and values[f.name] != f.default}
    number = max([least, *(later[name] for name in new)])
    return {name: value for name, value in values.items() if later.get(name, 0) <= number}, number


def read_config(name: str, values: Any, config: type[Config], number: int = 0) -> Config:
    """The dataclass of the field `name`, of exactly the fields that it has in format `number`, each of its type. Raises
    ValueError."""
    later = getattr(config, "later", {})
    check_fields(name, values, {f.name for f in fields(config) if later.get(f.name, 0) <= number})  # type: ignore[arg-type]
    try:
        return build("", config, values)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def read_description(path: Path, newest: int) -> tuple[int, dict[str, Any]]:
    """The format and the fields of the description in a file. Raises FormatError if it cannot be read, or if its format
    is none of 1 to `newest`."""
    _check_file(path, _MAX_DESCRIPTION)
    try:
        values = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise FormatError(f"{shown(path)} cannot be read: {reason}") from error
    with in_file(path):
        return check_format(path.name, values, newest), values


def read_weights(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """The tensors in a folder, in float32: those of `shapes` and no others. Raises FormatError, naming the tensor, if
    the file cannot be read or is too large, or if one is missing, left over, of another shape or not finite."""
    path = folder / _WEIGHTS
    _check_file(path, _MAX_WEIGHTS)
    try:
        with in_file(path), safe_open(path, "np") as file:
            check_fields("weights", dict.fromkeys(file.keys()), set(shapes))
            return {name: _tensor(file, name, shape) for name, shape in shapes.items()}
    except (OSError, SafetensorError) as error:
        raise FormatError(f"{shown(path)} cannot be read: {error}") from error


def _tensor(file: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A tensor of an open file, which is read if it has that shape. Raises ValueError."""
    found = file.get_slice(name)
    if (its := found.get_shape()) != list(shape):
        raise ValueError(f"{name} has shape {its}; it must be {list(shape)}")
    if (kind := found.get_dtype()) not in _FLOATS:
        raise ValueError(f"{name} has values of type {kind}; it must be one of {', '.join(_FLOATS)}")
    with np.errstate(over="ignore"):  # infinite then, and refused
        tensor: NDArray[np.float32] = file.get_tensor(name).astype(np.float32)
    if not np.isfinite(tensor).all():
        raise ValueError(f"{name} has NaN or infinite values; it must be finite")
    return tensor


def _check_file(path: Path, most: int) -> None:
    """FormatError unless it is a file of at most so many bytes."""
    try:
        check_is_file(path, most)
    except OSError as error:
        raise FormatError(f"{shown(path)} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise FormatError(str(error)) from error


def _listed(names: list[str]) -> str:
    """Names in a sentence, of which a file may have any: those of another kind as Python writes them."""
    shown = [n if n.isprintable() and 0 < len(n) <= _MAX_NAME else brief(n) for n in names[:_LISTED]]
    return ", ".join(shown) + (f" and {len(names) - _LISTED} others" if len(names) > _LISTED else "")


def read_folders(
    folder: Path,
    file: str,
    load: Callable[[Path], Named],
    left_out: Callable[[FormatError], None] | None = None,
) -> dict[str, tuple[Named, Path]]:
    """What the folders below `folder` hold that have that `file`, by its name, in order; each with its own folder.

    Raises FormatError for one that is broken, or whose name another has. With `left_out`, that is told so instead, and
    the one is left out; the last is raised if none is left.
    """
    found: dict[str, tuple[Named, Path]] = {}
    broken = None
    for path in sorted(folder.glob(f"*/{file}")):
        try:
            loaded = load(path.parent)
            name: str = loaded.name  # type: ignore[attr-defined]
            if name in found:
                other = shown(found[name][1])
                raise FormatError(f"{shown(path)}: name is {brief(name)}, which {other} has too")
            found[name] = loaded, path.parent
        except FormatError as error:
            if left_out is None:
                raise
            left_out(error)
            broken = error
    if broken is not None and not found:
        raise broken
    return found


def write_folder(
    folder: Path, name: str, description: dict[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> None:
    """Writes the weights and then the description, in the file `name`: each is replaced as a whole, or left."""
    with atomic_path(folder / _WEIGHTS) as path:
        save_file(dict(tensors), path)
    with atomic_path(folder / name) as path:
        path.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
