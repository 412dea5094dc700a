"""One way to say that a configuration's value is not allowed: the field, what came, what is allowed.

Every frozen dataclass that is a configuration checks itself with these in `__post_init__`; `build` makes one of a
dictionary, as TOML or JSON gives it, and so checks the types.
"""

from __future__ import annotations

import operator
import re
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from numbers import Real
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = ["UNPRINTABLE", "brief", "build", "real", "require", "require_value", "require_whole", "whole"]

#: Control characters but tabs and line ends, what changes the direction of writing, and what is no character.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

Built = TypeVar("Built")

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = 200
_brief.maxlist = _brief.maxtuple = _brief.maxdict = 10
_brief.maxlevel = 3


def brief(value: Any) -> str:
    """A value as a sentence shows it: the middle of what is long, and what is deep, is left out.

    >>> brief([[[[1]]]])
    '[[[[...]]]]'
    """
    return _brief.repr(value)


def require_value(name: str, value: Any, holds: bool, allowed: str) -> None:
    """ValueError, with what is `allowed`, unless it `holds` of the `value` of the field `name`."""
    if not holds:
        raise ValueError(f"{name} is {brief(value)}; it must be {allowed}")


def whole(name: str, value: Any) -> int:
    """The whole number that the `value` of the argument `name` is, NumPy's too. Raises ValueError for anything else."""
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise ValueError(f"{name} is {brief(value)}; it must be a whole number")


def real(name: str, value: Any) -> float:
    """The number that the `value` of the argument `name` is, NumPy's too. Raises ValueError for anything else."""
    require_value(name, value, isinstance(value, Real) and not isinstance(value, bool), "a number")
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def require(config: Any, name: str, holds: bool, allowed: str) -> None:
    """`require_value` of a field of `config`."""
    require_value(name, getattr(config, name), holds, allowed)


def require_whole(config: Any, limits: Mapping[str, tuple[int, int]]) -> None:
    """ValueError, naming the field, unless each of these fields of `config` is a whole number within its limits."""
    for name, (low, high) in limits.items():
        value = getattr(config, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        require_value(name, value, whole and low <= value <= high, f"a whole number from {low} to {high}")


def build(section: str, kind: type[Built], values: Any, hints: Mapping[str, Any] | None = None) -> Built:
    """A dataclass of the kind from a dictionary; ValueError, naming `section` and key, if anything is wrong.

    `hints` are types of fields that say more than the dataclass does: `{"model": WaveNetConfig}`.
    """
    where = f"[{section}] " if section else ""
    if not isinstance(values, dict):
        raise ValueError(f"{section} is {brief(values)}; it must be a section, [{section}]")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise ValueError(f"{where}{name} is not a key; it must be one of {', '.join(known)}")
    for name, f in known.items():
        if f.default is MISSING and f.default_factory is MISSING and name not in values:
            raise ValueError(f"{where}{name} is missing; it has no default")
    hints = get_type_hints(kind) | dict(hints or {})
    built = {}
    for name, value in values.items():
        if is_dataclass(hints[name]):
            built[name] = build(f"{section}.{name}" if section else name, hints[name], value)
        else:
            try:
                built[name] = _convert(hints[name], value)
            except TypeError as error:
                raise ValueError(f"{where}{name} is {brief(value)}; it must be {error}") from None
    try:
        return kind(**built)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None


def _convert(hint: Any, value: Any) -> Any:
    """`value` as `hint` wants it; TypeError with what is allowed if it is something else."""
    arguments = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        # X | None: a checkpoint's JSON has a null where X was left out.
        some = next(argument for argument in arguments if argument is not NoneType)
        return None if value is None else _convert(some, value)
    if get_origin(hint) is Literal:
        if value not in arguments:
            raise TypeError(" or ".join(map(repr, arguments)))
        return value
    if get_origin(hint) is dict:
        if not isinstance(value, dict):
            raise TypeError('a table, such as speakers.alice = ["datasets/alice"]')
        return {key: _convert(arguments[1], item) for key, item in value.items()}
    if get_origin(hint) is tuple:
        item, open_ended = arguments[0], arguments[-1] is ...
        if not isinstance(value, list | tuple) or not (open_ended or len(value) == len(arguments)):
            raise TypeError(f"a list of {'' if open_ended else f'{len(arguments)} '}{_PLURAL[item]}")
        return tuple(_convert(item, element) for element in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise TypeError("a number that a float64 can be") from None
    if type(value) is not hint:
        raise TypeError(_SINGULAR[hint])
    return value


_SINGULAR = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    datetime: "a date and time",
}
_PLURAL = {float: "numbers", str: "texts"}
