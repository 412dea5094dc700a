"""A soak as a picture: what listeners noticed and what the server took, over the time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.soak.callers import crowded
from tests.soak.report import GAP, REFUSAL_MS, Soak
from wavesynth.files import atomic_path

__all__ = ["draw"]


def draw(soak: Soak, path: Path) -> None:
    """Writes the picture as a PNG file."""
    figure = Figure(figsize=(10, 11), layout="constrained")
    FigureCanvasAgg(figure)
    calls, gaps, refusals, memory = figure.subplots(4, 1, sharex=True)
    _calls(soak, calls)
    _gaps(soak, gaps)
    late = [call for call in soak.noticed.calls if call.refused and call.kind == "streaming"]
    refusals.plot([c.begun / 60 for c in late], [1000 * c.lasted for c in late], ".", ms=3, color="tab:red")
    refusals.axhline(REFUSAL_MS, color="gray", lw=0.8)
    refusals.set_ylabel("refusal, ms")
    at = [look.at / 60 for look in soak.looks]
    memory.plot(at, [look.resident_bytes / 1e6 for look in soak.looks], color="tab:blue")
    memory.set_ylabel("resident memory, MB")
    counts = memory.twinx()
    counts.plot(at, [look.open_files for look in soak.looks], color="tab:orange", lw=0.8, label="open files")
    counts.plot(at, [look.threads for look in soak.looks], color="tab:green", lw=0.8, label="threads")
    counts.legend(loc="lower right")
    memory.set_xlabel("minutes")
    for axes in (calls, gaps, refusals, memory):
        _shade(soak, axes)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def _shade(soak: Soak, axes: Any) -> None:
    """Shows when there was a crowd."""
    times = np.linspace(0, soak.seconds, 2000)
    there = [crowded(time, soak.seconds, soak.rounds) for time in times]
    axes.fill_between(times / 60, 0, 1, there, transform=axes.get_xaxis_transform(), alpha=0.1, lw=0)


def _calls(soak: Soak, axes: Any) -> None:
    times = np.linspace(0, soak.seconds, 1000)
    admitted = [call for call in soak.noticed.calls if not call.refused]
    at_once = sum((times >= c.begun) & (times < c.begun + c.lasted) for c in admitted)
    axes.plot(times / 60, at_once, lw=0.8, label="calls under way")
    axes.axhline(soak.places, color="gray", lw=0.8)
    underruns = [call for call in admitted if call.underruns]
    axes.plot(
        [c.begun / 60 for c in underruns], [c.underruns for c in underruns], "rx", label="underruns of a call"
    )
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right")
    axes.set_title(f"{soak.places} places; shaded: five times as many callers")


def _gaps(soak: Soak, axes: Any) -> None:
    """Of each call, the gap that one in 100 exceeds, in chunks."""
    for kind, colour in (("streaming", "tab:purple"), ("bidirectional", "tab:green")):
        calls = [c for c in soak.noticed.calls if c.kind == kind and len(c.gaps) >= 100]
        of_100 = [float(np.percentile(c.gaps / c.lengths, 99)) for c in calls]
        axes.plot([c.begun / 60 for c in calls], of_100, ".", ms=3, color=colour, label=kind)
    axes.axhline(GAP, color="gray", lw=0.8)
    axes.set_ylabel("chunk gap, 99 %, in chunks")
    axes.legend(loc="upper right")
