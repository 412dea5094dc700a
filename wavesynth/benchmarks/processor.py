"""What a process and its children take of this machine: processor time and memory, of systems that have /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Usage", "usage"]

#: Where parent, processor time and children's processor time stand behind a process's name in /proc/PID/stat.
_PARENT, _TIMES = 1, slice(11, 15)


@dataclass(frozen=True)
class Usage:
    """Of a process, its children, and theirs."""

    seconds: float
    """Of processors, since each began; those of children that have ended too."""
    resident_bytes: int
    """Memory in use; what processes share counts in each."""


def usage(pid: int) -> Usage | None:
    """What the process and all below it take; None on a system without /proc.

    Raises ValueError if there is no such process.
    """
    processes = Path("/proc")
    if not (processes / "self" / "stat").exists():
        return None
    stats = {int(path.name): _stat(path) for path in processes.iterdir() if path.name.isdecimal()}
    if not stats.get(pid):
        raise ValueError(f"{pid} is not the number of a process that runs here")
    family = {pid}
    while more := {child for child, stat in stats.items() if stat and int(stat[_PARENT]) in family} - family:
        family |= more
    ticks = sum(int(ticks) for member in family for ticks in stats[member][_TIMES])
    resident = sum(_resident_pages(processes / str(member)) for member in family)
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), resident * os.sysconf("SC_PAGE_SIZE"))


def _stat(process: Path) -> list[str]:
    """What stands behind its name, which may have any character in it; [] if it has ended."""
    try:
        return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _resident_pages(process: Path) -> int:
    try:
        return int((process / "statm").read_text().split()[1])
    except OSError:  # it has ended
        return 0
