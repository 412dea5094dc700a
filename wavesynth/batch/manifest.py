"""What is to be made: a line of JSON for each output, or a folder of recordings. Read line by line."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from wavesynth.audio.recordings import SUFFIXES, Ignored, find, summary
from wavesynth.files import shown

__all__ = ["BadEntry", "Entry", "count", "entries", "groups"]

A = TypeVar("A")
_OUTPUTS = (".wav", ".flac")
#: Bytes that a line may have.
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One output, and what it is made from: one of `audio`, `mel`, `text` and `seconds`."""

    line: int
    """Where the manifest says so, from 1; in a folder, the recording's number."""
    out: str
    """A path below the output folder, .wav or .flac."""
    audio: str | None = None
    """A recording; relative paths are relative to the manifest."""
    mel: str | None = None
    """A NumPy file of log-mel frames [frames, bands]."""
    seconds: float | None = None
    voice: str = ""
    seed: int = 0
    temperature: float | None = None
    speaker: str = ""
    text: str | None = None
    """Text to be read aloud."""
    markup: str = "plain"
    """How it is written: plain or ssml."""
    rate: float = 1.0
    pitch: float = 1.0

    def to_json(self) -> str:
        """As a line that `Entry(**json.loads(line))` reads."""
        given = asdict(self)
        if self.text is None:  # as it was before there was text: what is made already stays so
            given = {name: value for name, value in given.items() if name not in _OF_TEXT}
        return json.dumps(given)


@dataclass(frozen=True)
class BadEntry:
    """An entry that cannot be made, and why."""

    line: int
    out: str
    error: str


_KINDS: dict[str, tuple[type, ...]] = {
    "out": (str,),
    "audio": (str,),
    "mel": (str,),
    "seconds": (int, float),
    "voice": (str,),
    "seed": (int,),
    "temperature": (int, float),
    "speaker": (str,),
    "text": (str,),
    "markup": (str,),
    "rate": (int, float),
    "pitch": (int, float),
}
#: Those that only text has.
_OF_TEXT = ("text", "markup", "rate", "pitch")
#: What an output is made from.
_SOURCES = ("audio", "mel", "text", "seconds")


def count(manifest: Path, out: Path) -> tuple[int, list[dict[str, str]]]:
    """How many entries there are, good and bad, and what of a folder is ignored (`recordings.summary`).

    Raises OSError, or ValueError if there are none.
    """
    found, ignored = 0, list[Ignored]()
    for one in find(manifest, out) if manifest.is_dir() else _lines(manifest):
        if isinstance(one, Ignored):
            ignored.append(one)
        else:
            found += 1
    if not found:
        kind = f"recordings; they must be {', '.join(SUFFIXES)} files" if manifest.is_dir() else "lines"
        raise ValueError(f"{shown(manifest)} holds no {kind}")
    return found, summary(ignored)


def entries(manifest: Path, out: Path, defaults: dict[str, Any]) -> Iterator[Entry | BadEntry]:
    """The entries, where `defaults` (voice, seed, temperature, speaker) fill in what they leave out.

    Recordings below `out`, the output folder, are none of a folder's.
    """
    if manifest.is_dir():
        recordings = (one for one in find(manifest, out) if isinstance(one, Path))
        for line, path in enumerate(recordings, 1):
            name = path.with_suffix(".wav").as_posix()
            yield Entry(line, name, audio=str((manifest / path).absolute()), **defaults)
        return
    for line, text in _lines(manifest):
        name = ""
        try:
            given = _fields(text)
            name = given["out"] = given.get("out") or _default_out(given)
            _check_out(name)
            for source in given.keys() & {"audio", "mel"}:
                given[source] = str((manifest.parent / given[source]).absolute())
            yield Entry(line, **(defaults | given))
        except ValueError as error:
            yield BadEntry(line, name, str(error))


def groups(things: Iterable[A], size: int) -> Iterator[list[A]]:
    """Lists of at most `size`."""
    source = iter(things)
    while group := list(islice(source, size)):
        yield group


def _lines(manifest: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty; of one that is too long, its beginning, which is."""
    if manifest.exists() and not manifest.is_file():
        raise ValueError(
            f"{shown(manifest)} is a pipe or a device; it must be a file, which can be read again"
        )
    with manifest.open("rb") as file:
        line = 0
        while text := file.readline(_LONGEST + 1):
            line += 1
            if line == 1 and text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise ValueError(f"{shown(manifest)} is UTF-16; it must be UTF-8: save it in that encoding")
            text = text.removeprefix(codecs.BOM_UTF8)  # in any line: files may have been put together
            if text.strip():
                yield line, text
            while len(text) > _LONGEST and not text.endswith(b"\n"):
                text = file.readline(_LONGEST + 1)


def _fields(text: bytes) -> dict[str, Any]:
    if len(text) > _LONGEST:
        raise ValueError(f"the line has more than {_LONGEST} bytes")
    try:
        given = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise ValueError(f"the line is not UTF-8: {error.reason} after {error.start} bytes") from error
    except RecursionError as error:
        raise ValueError("the line is not JSON of a manifest: it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(
            f'the line is not JSON ({error}); it must be an object such as {{"audio": "a.wav"}}'
        ) from error
    if not isinstance(given, dict):
        raise ValueError(f"the line is {type(given).__name__}; it must be an object")
    if unknown := sorted(given.keys() - {field.name for field in fields(Entry)} | given.keys() & {"line"}):
        raise ValueError(f"{', '.join(unknown)} is no field; there are {', '.join(_KINDS)}")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, _KINDS[name]):
            kind = {str: "a text", int: "a whole number"}.get(_KINDS[name][0], "a number")
            raise ValueError(
                f"{name} is {value!r}; it must be {kind if len(_KINDS[name]) == 1 else 'a number'}"
            )
        _check(name, value)
    if sum(source in given for source in _SOURCES) != 1:
        raise ValueError("exactly one of audio, mel, text and seconds must be given")
    if "text" not in given and (reading := sorted(given.keys() & set(_OF_TEXT))):
        raise ValueError(f"{', '.join(reading)} is for text, and there is none")
    return given


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in pairs:
        if name in given:
            raise ValueError(f"{name} is given twice; it must be given once")
        given[name] = value
    return given


def _integer(digits: str) -> int:
    """Of more digits than Python reads, the first ones: beyond all limits too."""
    return int(digits[:40])


def _check(name: str, value: Any) -> None:
    """ValueError for what has the right type, and yet cannot be used."""
    if isinstance(value, str):
        try:
            whole = b"\0" not in os.fsencode(value)
        except UnicodeEncodeError:
            whole = False
        if not whole:
            raise ValueError(f"{name} is {value!r}; it must hold no NUL and no half of a character")
        if not value and name in ("audio", "mel"):
            raise ValueError(f"{name} is empty; it must name a file")
        if name == "text" and not value.strip():
            raise ValueError("text is empty; it must have at least one word")
    elif name == "seed":
        if not 0 <= value < 2**64:
            raise ValueError(f"seed is {value}; it must be from 0 to 2^64 - 1")
    elif not abs(value) < 1e9:  # NaN and integers beyond all floats too
        raise ValueError(f"{name} is {str(value)[:20]}; it must be a number below 1e9")


def _default_out(given: dict[str, Any]) -> str:
    if source := next((name for name in ("seconds", "text") if name in given), None):
        raise ValueError(f"out is missing; an entry with {source} needs it")
    return f"{PurePosixPath(given['audio' if 'audio' in given else 'mel']).stem}.wav"


def _check_out(out: str) -> None:
    path = PurePosixPath(out)
    if path.is_absolute() or not path.name or ".." in path.parts or path.parts[0].startswith("."):
        raise ValueError(
            f"out is {out!r}; it must be a path below the output folder that does not begin with a dot"
        )
    if path.suffix.lower() not in _OUTPUTS:
        raise ValueError(f"out is {out!r}; it must end in {' or '.join(_OUTPUTS)}")
