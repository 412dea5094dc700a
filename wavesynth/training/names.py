"""What configurations were called before: every name that was ever written is read for ever.

A run's TOML file and the configuration in its checkpoints have the same keys. `kind` may be missing in older ones; it
follows from their sections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["kind_in", "names_of_now"]


def _same(value: Any) -> Any:
    return value


def _bits(fine: Any) -> Any:
    """`activation_bits` of what `fine` was."""
    return {True: 16, False: 8}[fine] if isinstance(fine, bool) else fine


def _variant(kind: Any) -> Any:
    """`variant` of what `kind` was, of the models of images."""
    return "plain" if kind == "pixelcnn" else kind


#: By section and old key: the new key, and its value of the old one's.
_OLD_KEYS: dict[tuple[str, str], tuple[str, Callable[[Any], Any]]] = {
    ("data", "altered"): ("augment", _same),
    ("data", "disturb"): ("perturb", _same),
    ("data", "unscored_samples"): ("burn_in_samples", _same),
    ("voice", "fine"): ("activation_bits", _bits),
    ("model", "kind"): ("variant", _variant),
}


def names_of_now(values: dict[str, Any]) -> dict[str, Any]:
    """The same configuration with the names of now, and with its kind. Raises ValueError where a key stands twice, by
    its old and its new name."""
    found = {name: dict(part) if isinstance(part, dict) else part for name, part in values.items()}
    for (section, old), (new, value_of) in _OLD_KEYS.items():
        part = found.get(section)
        if not isinstance(part, dict) or old not in part:
            continue
        if new in part:
            raise ValueError(f"[{section}] has {old} and {new}, which are one; it must have {new} alone")
        found[section] = {new if name == old else name: value for name, value in part.items()}
        found[section][new] = value_of(part[old])
    return {"kind": kind_in(values)} | found


def kind_in(values: dict[str, Any]) -> str:
    """The kind that a configuration names or, of one that names none, that its sections are of."""
    if "kind" in values:
        kind: str = values["kind"]
        return kind
    if "card" in values:
        return "pixelcnn"
    return "converter" if isinstance(values.get("converter"), dict) else "wavenet"
