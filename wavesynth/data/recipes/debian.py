"""Debian packages, fetched and unpacked without root."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wavesynth.data.features import Track

__all__ = ["fetch"]


def fetch(package: str, work: Path, track: Track) -> Path:
    """The folder below `work` that holds the files of a Debian package, fetched unless it is there.

    Raises OSError, with the last line of what apt-get or dpkg-deb said, if it cannot be fetched or unpacked.
    """
    unpacked = work / package
    if not unpacked.exists():
        with tempfile.TemporaryDirectory(dir=work) as name:  # renamed when it is whole
            scratch = Path(name)
            for command in track([["apt-get", "download", package]], f"Fetching {package}", 1):
                _run(
                    command,
                    scratch,
                    f"{package} cannot be fetched",
                    "; apt-get update renews the list of packages",
                )
            [archive] = scratch.glob(f"{package}_*.deb")
            _run(["dpkg-deb", "-x", archive.name, "files"], scratch, f"{archive.name} cannot be unpacked")
            (scratch / "files").rename(unpacked)
    return unpacked


def _run(command: list[str], folder: Path, failure: str, hint: str = "") -> None:
    """Runs a program in a folder; OSError with its last line if it fails."""
    # apt-get warns if its own user cannot write into the folder, and then writes as the one who runs it.
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if result.returncode:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines() or ["it does not say why"]
        raise OSError(f"{failure}: {said[-1]}{hint}")
