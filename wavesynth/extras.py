"""What only an extra of the package installs, imported when it is used.

The least installation serves and speaks on a processor. PyTorch, which is large, comes with an extra: it trains, makes
images, uses GPUs, and is the reference.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

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
    """The command that adds an extra to the installation that runs this: pip takes its version, and adds what lacks.

    >>> install_command("live")
    "pip install 'wavesynth-neural[live]'"
    """
    return f"pip install '{DISTRIBUTION}[{extra}]'"


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
