"""What only an extra of the package installs, imported when it is used.

The least installation serves and speaks on a processor. PyTorch, which is large, comes with an extra: it trains, makes
images, uses GPUs, and is the reference.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

__all__ = ["DISTRIBUTION", "extra", "install_command", "is_installed", "missing", "of_command"]

#: What pip knows the package by. `wavesynth` alone is somebody else's package there.
DISTRIBUTION = "wavesynth-neural"

#: The extra that brings a package, for those who need no more of the extra than that.
_BRINGS = {
    "torch": "torch",
    "triton": "torch",
    "PIL": "torch",
    "av": "ffmpeg",
    "matplotlib": "plots",
    "scipy": "train",
    "tensorboard": "train",
}
#: The extra of the commands that need more of it than the package that is found missing first.
_OF_COMMANDS = {
    "datasets": "train",
    "evaluate": "evaluate",
    "export": "train",
    "image_export": "train",
    "image_train": "train",
    "init": "train",
    "prepare": "train",
    "bench_training": "train",
    "train": "train",
}


def install_command(extra: str) -> str:
    """The command that adds an extra to the installation that runs this, from the folder that the caller is in.

    pip has noted where this package came from (PEP 610): a checkout, a wheel or a repository. It is installed from
    there again, since the package is on no index. Where nothing is noted, an index had it.
    """
    source, editable = _source()
    path = _path(source)
    if path is not None and not path.exists():
        return f"{_pip()} install '.[{extra}]' in a checkout of wavesynth"
    if path is not None and path.is_dir():
        package = f"{_from_here(path)}[{extra}]"
    else:
        package = f"{DISTRIBUTION}[{extra}]{f' @ {source}' if source else ''}"
    return f"{_pip()} install {'--editable ' if editable else ''}{_quoted(package)}"


def _source() -> tuple[str | None, bool]:
    """The address that this package was installed from, None if from an index, and whether the code stands there."""
    from importlib import metadata  # 30 ms, which every start would pay

    try:
        noted = json.loads(metadata.distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return None, False
    address, repository = noted.get("url"), noted.get("vcs_info")
    if address and repository:
        address = f"{repository['vcs']}+{address}@{repository['commit_id']}"
    return address, bool(noted.get("dir_info", {}).get("editable"))


def _path(address: str | None) -> Path | None:
    """The folder of sources or the wheel at an address; None if that is not on this machine."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    parts = urlsplit(address or "")
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def _from_here(path: Path) -> str:
    """The shorter of a path's two names, if it is below the folder that the caller is in, and one that pip and shells
    take for a path."""
    here = Path.cwd()
    name = os.fspath(path.relative_to(here)) if path.is_relative_to(here) else os.fspath(path)
    return name if os.sep in name or name == "." else os.path.join(".", name)


def _pip() -> str:
    """How the caller starts the pip of this interpreter: it need not be the one that a terminal finds."""
    beside = shutil.which("pip", path=os.path.dirname(sys.executable)) if sys.executable else None
    if beside is None or shutil.which("pip") == beside:
        return "pip"
    return shlex.quote(_from_here(Path(beside)))


def _quoted(package: str) -> str:
    """In quotes always, since shells read brackets."""
    quoted = shlex.quote(package)
    return quoted if quoted != package else f"'{package}'"


def missing(package: str, what: str, name: str | None = None) -> str:
    """The sentence for where `what` needs a package that is not there: from the extra `name`, or from that which brings
    the package. Raises KeyError for a package that is no extra's."""
    package = package.partition(".")[0]
    return f"{what} needs {package}, which is missing: {install_command(name or _BRINGS[package])}"


def of_command(module: str, package: str | None) -> str | None:
    """The extra that a command of the file `module` below wavesynth.cli needs, where it has not found a package; None
    if that is no extra's."""
    brings = _BRINGS.get((package or "").partition(".")[0])
    return _OF_COMMANDS.get(module, brings) if brings else None


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not imported for that."""
    try:
        return find_spec(package) is not None
    except ImportError:
        return False


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """For imports of what the extra `name` brings, without their warnings; OSError, saying what of it `what` needs and
    how to install it, where something is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImportError as error:
        raise OSError(missing(error.name or "", what, name)) from error
