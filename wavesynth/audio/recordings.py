"""The recordings below a folder, found by name, and what else is there, with the reason why it is left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wavesynth.files import shown

__all__ = ["SUFFIXES", "Ignored", "find", "summary"]

#: Names of files that `wavesynth.audio.files.read` decodes. Some decoders would take more, such as the trackers' or the
#: games' formats: what nobody records speech in is more likely to be something else.
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".mp3", ".g722"),
    # Phones.
    *(".m4a", ".aac", ".amr", ".3gp", ".caf"),
    # Messengers, browsers, cameras: their first track.
    *(".opus", ".oga", ".webm", ".mka", ".mkv", ".mp4", ".mov"),
    # Studios and archives.
    *(".aif", ".aiff", ".aifc", ".au", ".snd", ".w64", ".rf64", ".wv", ".mp2", ".wma"),
)
#: Files without a header: nothing says what their bytes are.
_HEADERLESS = (".raw", ".pcm")
#: Names that a summary gives of many.
_EXAMPLES = 3


@dataclass(frozen=True)
class Ignored:
    """What is not taken as a recording, and why."""

    path: Path
    """Relative to the folder."""
    reason: str


def find(
    folder: Path, *ours: Path, suffixes: Collection[str] = SUFFIXES, kind: str = "a recording"
) -> Iterator[Path | Ignored]:
    """The recordings, or files of another `kind` and its `suffixes`, below `folder`, relative to it, in the order of
    their names, and between them what is ignored.

    Neither hidden files and folders are named, nor `ours`, the files and folders that the caller writes. Each folder
    is searched once, however many links lead to it. What has another name below `folder`, under which it is found,
    is not found under a link. Nothing is opened. Raises OSError if the folder itself cannot be searched.
    """
    root = folder.resolve()
    own = {key for path in ours if (key := _key(path))}
    seen = {_key(root)}
    levels = [_entries(folder)]
    while levels:
        if (path := next(levels[-1], None)) is None:
            levels.pop()
            continue
        name = path.relative_to(folder)
        try:
            status = path.stat()
            key = (status.st_dev, status.st_ino)
            if key in own:
                continue
            other = _other_name(path, root, suffixes) if path.is_symlink() else None
            if other is not None:
                yield Ignored(name, f"a link to {shown(other)}")
            elif stat.S_ISDIR(status.st_mode):
                if key in seen:
                    yield Ignored(name, "a folder that is searched under another name")
                else:
                    seen.add(key)
                    levels.append(_entries(path))
            elif reason := _reason(path, suffixes, kind):
                yield Ignored(name, reason)
            else:
                yield name
        except OSError as error:
            dangling = isinstance(error, FileNotFoundError) and path.is_symlink()
            yield Ignored(name, "a link to nothing" if dangling else str(error.strerror))


def summary(ignored: Iterable[Ignored]) -> list[dict[str, str]]:
    """`source` and `reason` of what is ignored; files of one suffix and reason are one entry where they are many.

    >>> summary(Ignored(Path(f"{number}.txt"), "not named as a recording") for number in range(9))
    [{'source': '9 *.txt (0.txt, 1.txt, 2.txt, ...)', 'reason': 'not named as a recording'}]
    """
    counts: dict[tuple[str, str], int] = {}
    names: dict[tuple[str, str], list[str]] = {}
    for one in ignored:
        kind = (one.path.suffix.lower(), one.reason)
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= _EXAMPLES:
            names.setdefault(kind, []).append(shown(one.path))
    found = []
    for (suffix, reason), count in counts.items():
        some = names[suffix, reason]
        if count > _EXAMPLES:
            some = [f"{count} *{shown(suffix)} ({', '.join(some)}, ...)"]
        found += [{"source": source, "reason": reason} for source in some]
    return found


def _entries(folder: Path) -> Iterator[Path]:
    return iter(sorted(path for path in folder.iterdir() if not path.name.startswith(".")))


def _key(path: Path) -> tuple[int, int] | None:
    """What a file or folder is, whatever its name; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _other_name(link: Path, root: Path, suffixes: Collection[str]) -> Path | None:
    """The name, relative to `root`, under which what a link leads to is found without it; None if it is not."""
    target = link.resolve()
    if not target.is_relative_to(root):
        return None
    name = target.relative_to(root)
    taken = not any(part.startswith(".") for part in name.parts) and (
        target.is_dir() or not _reason(target, suffixes, "")
    )
    return name if taken else None


def _reason(path: Path, suffixes: Collection[str], kind: str) -> str:
    """Why a file is not taken; "" if it is."""
    if not path.is_file():
        return "not a file but a pipe, a socket or a device"
    suffix = path.suffix.lower()
    if suffix in _HEADERLESS:
        return "no header says what its samples are"
    if suffix not in suffixes:
        return f"not named as {kind}"
    return "" if os.access(path, os.R_OK) else "it may not be read"
