"""Which recordings are trained on: a split that depends on a recording's name alone.

It does not change when recordings are added or removed, and needs no list to be kept.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Literal, get_args

from wavesynth.files import read_text

__all__ = ["SPLITS", "Split", "read_test_list", "split_of", "stem_of"]

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


def stem_of(source: Path) -> str:
    """The name of a recording: its path below the voice's folder, "/" as "_", without extension."""
    return "_".join(source.with_suffix("").parts)


def split_of(stem: str, test: Collection[str] | None = None) -> Split:
    """The split of a stem by its SHA-1, as an integer modulo 20: 0 is test, 1 validation, the rest training.

    With `test`, an explicit list, the test recordings are those listed and no others: what the hash would
    have put there is trained on.

    >>> split_of("hello"), split_of("hello", test=["hello"])
    ('train', 'test')
    """
    bucket = int(hashlib.sha1(os.fsencode(stem)).hexdigest(), 16) % 20
    if stem in test if test is not None else bucket == 0:
        return "test"
    return "validation" if bucket == 1 else "train"


def read_test_list(path: str | Path) -> frozenset[str]:
    """The stems in a text file, one a line; empty lines and those beginning with # are left out.

    Raises OSError when it cannot be read, ValueError when it is not text in UTF-8 or names nothing.
    """
    lines = [line.strip() for line in read_text(path).splitlines()]
    stems = frozenset(line for line in lines if line and not line.startswith("#"))
    if not stems:
        raise ValueError(f"test list {path} names no recordings")
    return stems
