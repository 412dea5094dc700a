"""Sets of recordings to be judged in pairs: folders of audio files, or the reports of `wavesynth evaluate`."""

from __future__ import annotations

import io
import os
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from wavesynth.audio.decoders import decode
from wavesynth.audio.files import load
from wavesynth.files import read_text, shown

__all__ = ["AudioSet", "Pair", "names_of", "pairs_of", "read_set"]

_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".g722"}
_REPORTS = {".html", ".htm"}
#: What a report calls the recording that was copied.
_ORIGINAL = "original"

#: A file, or the bytes of one.
Source = Path | bytes


@dataclass(frozen=True)
class AudioSet:
    """Recordings by their names, which those of another set are found by."""

    name: str
    clips: Mapping[str, Source]
    originals: Mapping[str, Source]
    """What the clips are copies of, where that is known."""


@dataclass(frozen=True)
class Pair:
    """Two takes of the same words, each [N] within ±1 and its rate; and what they are copies of."""

    name: str
    takes: tuple[tuple[NDArray[np.float32], int], tuple[NDArray[np.float32], int]]
    original: tuple[NDArray[np.float32], int] | None = None


def read_set(path: Path) -> AudioSet:
    """The recordings below a folder, by their paths in it without endings, or the copies in a report of
    `wavesynth evaluate`, by the names of their clips.

    Raises OSError, or ValueError if there are none or two have one name.
    """
    if path.suffix.lower() in _REPORTS and path.is_file():
        return _of_report(path)
    if not path.is_dir():
        path.stat()  # says that it does not exist
        raise ValueError(f"{shown(path)} is neither a folder of recordings nor a report (.html) of evaluate")
    found: dict[str, Source] = {}
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in _SUFFIXES and file.is_file():
            name = file.relative_to(path).with_suffix("").as_posix()
            if name in found:
                raise ValueError(
                    f"{shown(path)} has two recordings named {name!r}; each name may be there once"
                )
            found[name] = file
    if not found:
        raise ValueError(f"{shown(path)} has no recordings; it must have files such as .wav or .flac")
    return AudioSet(path.resolve().name or str(path), found, {})


def pairs_of(
    first: AudioSet, second: AudioSet, original: AudioSet | None, most: int
) -> tuple[list[Pair], list[str]]:
    """At most `most` pairs of what has the same name in both sets, spread evenly over the names, and the names that are
    in one set only. The takes of a pair are equally loud.

    Raises ValueError if there is no pair, or if a file is no recording, naming it.
    """
    common = sorted(first.clips.keys() & second.clips.keys())
    if not common:
        raise ValueError(
            f"{first.name} and {second.name} have no recording of the same name: for example, {min(first.clips)!r} "
            f"and {min(second.clips)!r}"
        )
    alone = sorted(first.clips.keys() ^ second.clips.keys())
    originals = original.clips if original else {**second.originals, **first.originals}
    if len(common) > most:
        common = [common[round(place)] for place in np.linspace(0, len(common) - 1, most)]
    pairs = []
    for name in common:
        takes = _equally_loud([_read(one.clips[name]) for one in (first, second)])
        pair = Pair(name, (takes[0], takes[1]))
        pairs.append(replace(pair, original=_read(originals[name])) if name in originals else pair)
    return pairs, alone


def _equally_loud(takes: Sequence[tuple[NDArray[np.float32], int]]) -> list[tuple[NDArray[np.float32], int]]:
    """Takes at the level (RMS) of the quietest that is not silent: the louder of two equal recordings is preferred."""
    levels = [float(np.sqrt(np.square(samples, dtype=np.float64).mean())) for samples, _ in takes]
    heard = [level for level in levels if level > 0]
    return [
        (samples * np.float32(min(heard) / level), rate) if level > 0 else (samples, rate)
        for (samples, rate), level in zip(takes, levels, strict=True)
    ]


def _read(source: Source) -> tuple[NDArray[np.float32], int]:
    """A recording [N] at its own rate, and the rate."""
    if isinstance(source, bytes):
        samples, rate = soundfile.read(io.BytesIO(source), dtype="float32", always_2d=True)
        return samples.mean(1), rate
    rate = decode(source).rate
    return load(source, rate).waveform, rate


def _of_report(path: Path) -> AudioSet:
    report = _Report()
    report.feed(read_text(path))
    report.close()
    found: dict[str, dict[str, Source]] = {}
    for label, data in report.players:
        title, _, clip = label.partition(", ")
        if clip and data:
            found.setdefault(title, {})[clip] = data
    copies = [title for title in found if title != _ORIGINAL]
    if not copies:
        raise ValueError(f"{shown(path)} has no clips; it must be a report that wavesynth evaluate wrote")
    return AudioSet(copies[0], found[copies[0]], found.get(_ORIGINAL, {}))


class _Report(HTMLParser):
    """The players of a report: what each is called, and the file that it plays."""

    def __init__(self) -> None:
        super().__init__()
        self.players: list[tuple[str, bytes]] = []

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        if tag == "audio":
            given = dict(attributes)
            kind, _, data = (given.get("src") or "").partition(",")
            if kind.startswith("data:audio/") and kind.endswith(";base64"):
                try:
                    self.players.append((given.get("aria-label") or "", b64decode(data, validate=True)))
                except Error as error:
                    raise ValueError(f"the report's audio is damaged: {error}") from None


def names_of(first: AudioSet, second: AudioSet, paths: tuple[Path, Path]) -> tuple[str, str]:
    """What the sets are called in the results: their names, or their paths if they have one name."""
    if first.name != second.name:
        return first.name, second.name
    return os.path.normpath(paths[0]), os.path.normpath(paths[1])
