"""Files that are whole or absent, written to what is there; and what the system says of a file, as a sentence."""

from __future__ import annotations

import codecs
import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["atomic_path", "check_is_file", "check_output", "read_text", "sentence", "shown"]

#: What is said of a file for what the system says.
_SENTENCES = {
    errno.ENOENT: "does not exist",
    errno.EISDIR: "is a folder; it must be a file",
    errno.ENOTDIR: "is below a file; it must be below a folder",
    errno.EEXIST: "is there already",
    errno.ELOOP: "is a link that leads to itself",
    errno.ENAMETOOLONG: "is too long a name",
    errno.EACCES: "cannot be used: permission denied",
    errno.ENOSPC: "cannot be written: the disk is full",
    errno.EROFS: "cannot be written: the file system is read-only",
    errno.EPIPE: "cannot be written: its reader has gone",
}
#: Links that may follow one another, as on Linux.
_LINKS = 40
#: Bytes of a name, where the system does not say how many there may be, as Windows.
_LONGEST_NAME = 255


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path` when the block ends well, and is gone when not.

    What was written is on the disk before it has its name, so that it is whole even if the power fails. The parent
    folder is created. The temporary name keeps the suffix, because libraries choose a format by it. Of a symbolic link,
    the file that it leads to is replaced. Into a pipe or a device (/dev/stdout) what was written is copied at the end.
    Raises OSError.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(f"{folder}/new/a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     Path(f"{folder}/new/a.txt").read_text()
    'whole'
    """
    path = Path(path)
    target = _target(path)
    if isinstance(target, int) or _is_stream(target):
        with tempfile.TemporaryDirectory(prefix="wavesynth-") as folder:
            temporary = Path(folder) / f"whole{path.suffix}"
            temporary.touch()
            yield temporary
            close = not isinstance(target, int)
            with _named(path), temporary.open("rb") as whole, open(target, "wb", closefd=close) as stream:
                shutil.copyfileobj(whole, stream)
        return
    with _named(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        # It is cut, so that a name as long as they may be leaves room.
        temporary = target.parent / f".{target.stem[:40]}-{secrets.token_hex(8)}{target.suffix[:20]}"
        temporary.touch(exist_ok=False)  # with the permissions of any other new file, unlike mkstemp's
    try:
        yield temporary
        with _named(path):
            with temporary.open("rb+") as whole:
                os.fsync(whole.fileno())
            os.replace(temporary, target)
            _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def check_output(
    path: str | Path, *suffixes: str, sources: Iterable[Path | None] = (), name: str = "out"
) -> None:
    """Finds out, before work begins, whether `atomic_path` can write `path`, as far as that can be known.

    Raises ValueError if its name ends in none of `suffixes` (of a pipe or a device, any name will do) or it is one of
    the files `sources`, by whatever name, that are read to make it; and OSError, naming it, if it cannot be written.
    `name` is the option's that gave it.
    """
    path = Path(path)
    target = _target(path)
    if isinstance(target, int):
        return
    with _named(path):
        try:
            mode = target.stat().st_mode
        except FileNotFoundError:
            mode = 0
        if stat.S_ISDIR(mode):
            raise OSError(errno.EISDIR, "")
        if mode and not os.access(target, os.W_OK):
            raise OSError(errno.EACCES, "")
    if _is_stream(target):
        return
    if mode and any(source is not None and source.exists() and target.samefile(source) for source in sources):
        raise ValueError(f"{name} is {shown(path)}, which is the input itself; it must be another file")
    if suffixes and path.suffix.lower() not in suffixes:
        allowed = ", ".join(suffixes[:-1]) + " or " * (len(suffixes) > 1) + suffixes[-1]
        raise ValueError(f"{name} is {shown(path)}; it must end in {allowed}")
    with _named(path):
        folder = target.absolute().parent
        missing = [target.name]
        while not folder.exists():
            missing.append(folder.name)
            folder = folder.parent
        if not folder.is_dir():
            raise OSError(errno.ENOTDIR, "")
        longest = os.pathconf(folder, "PC_NAME_MAX") if hasattr(os, "pathconf") else _LONGEST_NAME
        if max(len(os.fsencode(part)) for part in missing) > longest:
            raise OSError(errno.ENAMETOOLONG, "")
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(4096))


def check_is_file(path: str | Path, most: int) -> None:
    """ValueError unless a path leads to a file of at most so many bytes: to read a pipe waits for its writer, and a
    device may have no end. Raises OSError if there is none."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{shown(path)} is a folder, a pipe or a device; it must be a file")
    if status.st_size > most:
        raise ValueError(f"{shown(path)} has {status.st_size} bytes; at most {most} are read")


def read_text(path: str | Path) -> str:
    """The text of a file that somebody wrote: UTF-8, with a byte order mark or without.

    Raises OSError if it cannot be read, and ValueError, naming it, if it is in another encoding.
    """
    data = Path(path).read_bytes()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(f"{path} is UTF-16; it must be UTF-8: save it in that encoding")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path} is not UTF-8 in line {line}; save it in that encoding") from None


def sentence(error: Exception) -> str:
    """What an error says, as a sentence that names the file if it is about one.

    >>> sentence(FileNotFoundError(errno.ENOENT, "No such file or directory", "a.wav"))
    'a.wav does not exist'
    """
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return error.strerror or str(error)
    said = _SENTENCES.get(error.errno) or f"cannot be used: {error.strerror}"
    return f"{shown(error.filename)} {said}"


def shown(path: str | bytes | os.PathLike[str]) -> str:
    """A path as text that can be printed: bytes that are not UTF-8 as \\xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Has an error of the system name `path`, whatever name of ours it was about."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _sync_folder(folder: Path) -> None:
    """Has the names in a folder on the disk, where the system can: Windows cannot, nor for a folder that may be written
    but not read. The file itself is whole in any case."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _target(path: Path) -> Path | int:
    """The file that a path leads to by its links, or the descriptor of this process, as of /dev/stdout."""
    descriptors = Path(f"/proc/{os.getpid()}/fd")
    for _ in range(_LINKS):
        if path.name.isdigit() and path.parent.resolve() == descriptors:
            return int(path.name)
        if not path.is_symlink():
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, "", str(path))


def _is_stream(path: Path) -> bool:
    """Whether a file is a pipe or a device of characters. Raises OSError for what must not be written into."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise OSError(
            f"{shown(path)} is a disk or a socket; it must be a file, a pipe or a device of characters"
        )
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
