"""What a soak has shown: figures, and the promises that were broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tests.soak.callers import Call, Noticed, crowded
from tests.soak.machine import Stall, stalled
from wavesynth.clients.timing import percentiles

__all__ = ["Look", "Soak", "broken", "figures"]

#: A gap between chunks, as a part of the chunk before it: 99 of 100 are below this.
GAP = 1.5
#: Milliseconds in which 99 of 100 refusals come.
REFUSAL_MS = 50.0
#: By how much the memory may be above that of the round after the warm-up, as a part of it.
GROWTH = 0.02


@dataclass(frozen=True)
class Look:
    """At the server's process, from outside."""

    at: float
    """Seconds from the soak's beginning."""
    resident_bytes: int
    processor_seconds: float
    open_files: int
    threads: int


@dataclass(frozen=True)
class Soak:
    """One soak, and what it has shown."""

    places: int
    """Live calls at once for which the server says that there is room."""
    seconds: float
    rounds: int
    """The first one is the warm-up; of threads, which pools start when they are first needed, the first half of all."""
    noticed: Noticed
    looks: Sequence[Look]
    """In the order of time; the first is before the first call, the last when all callers have gone."""
    stalls: Sequence[Stall] | None = None
    """When the machine stood still, in seconds from the soak's beginning; None if that could not be seen."""


def _of_calls(calls: Sequence[Call], stalls: Sequence[Stall] | None) -> dict[str, Any]:
    """What callers noticed who were admitted, and how the others were refused."""
    admitted = [call for call in calls if not call.refused]
    refused = [call.lasted for call in calls if call.refused and call.kind == "streaming"]
    gaps, lengths = (
        np.concatenate([np.zeros(0, np.float32), *(getattr(call, name) for call in admitted)])
        for name in ("gaps", "lengths")
    )
    parts = gaps / lengths if len(gaps) else np.zeros(1)
    return {
        "calls": len(calls),
        "admitted": len(admitted),
        "refused": len(calls) - len(admitted),
        "failed": dict(Counter(call.code for call in admitted if call.code != "OK")),
        "underruns": sum(call.underruns for call in admitted),
        "underruns_of_the_machine": sum(stalled(stalls or (), at) for call in admitted for at in call.dry),
        "underruns_at": sorted(round(float(at), 3) for call in admitted for at in call.dry),
        "chunks": len(gaps),
        "chunk_gap_ms": percentiles(list(gaps)),
        "chunk_gap_in_chunks": {
            "p50": float(np.percentile(parts, 50)),
            "p99": float(np.percentile(parts, 99)),
            "max": float(parts.max()),
        },
        "first_audio_ms": percentiles(
            [call.first_audio for call in admitted if call.first_audio is not None]
        ),
        "refusal_ms": percentiles(refused) if refused else None,
    }


def figures(soak: Soak) -> dict[str, Any]:
    """All figures by name."""
    calls = soak.noticed.calls
    crowd = [call for call in calls if crowded(call.begun, soak.seconds, soak.rounds)]
    others = [call for call in calls if not crowded(call.begun, soak.seconds, soak.rounds)]
    before, after = soak.looks[0], soak.looks[-1]
    audio = sum(float(call.lengths.sum()) for call in calls)
    return {
        "places": soak.places,
        "minutes": soak.seconds / 60,
        "at_capacity": _of_calls(others, soak.stalls),
        "crowded": _of_calls(crowd, soak.stalls),
        "by_kind": {
            kind: _of_calls([c for c in calls if c.kind == kind], soak.stalls)
            for kind in ("streaming", "bidirectional")
        },
        "machine_stalls": "not seen: this takes the right to real-time priority"
        if soak.stalls is None
        else {
            "count": len(soak.stalls),
            "longest_ms": 1000 * max((stall.seconds for stall in soak.stalls), default=0.0),
        },
        "callers_late_ms": percentiles(soak.noticed.late),
        "resident_growth": _growth(soak),
        "threads_in_the_first_half": max(look.threads for look in soak.looks if look.at < soak.seconds / 2),
        "server_processor_seconds_per_second": (after.processor_seconds - before.processor_seconds)
        / max(audio, 1e-9),
        "each_minute": [asdict(look) for look in _each(soak.looks, 60.0)],
        "before": asdict(before),
        "after": asdict(after),
        "failures": sorted({f"{c.code}: {c.reason}" for c in calls if c.code != "OK" and not c.refused}),
    }


def _growth(soak: Soak) -> float:
    """By how much the memory is more, as a part of it, than in the round after the warm-up: in the median of the round
    in which it is most, or when all callers have gone. From second to second it goes up and down with what calls
    send."""
    rounds: dict[int, list[int]] = {}
    for look in soak.looks[:-1]:
        rounds.setdefault(int(look.at / soak.seconds * soak.rounds), []).append(look.resident_bytes)
    medians = [float(np.median(rounds[number])) for number in sorted(rounds) if number > 0]
    return max([*medians, soak.looks[-1].resident_bytes]) / medians[0] - 1


def _each(looks: Sequence[Look], seconds: float) -> list[Look]:
    """The first look of each so many seconds."""
    return list({int(look.at // seconds): look for look in reversed(looks)}.values())[::-1]


def broken(figures: dict[str, Any]) -> list[str]:
    """The promises that were not held, a sentence each."""
    found = []
    for part, when in (("at_capacity", "at the stated capacity"), ("crowded", "with a crowd")):
        of = figures[part]
        if of["underruns"] > (aside := of["underruns_of_the_machine"]):
            besides = f" and {aside} while the machine stood still" if aside else ""
            found.append(f"{when} there were {of['underruns'] - aside} underruns{besides}; there may be none")
        if of["failed"]:
            found.append(f"{when} calls failed: {of['failed']}; none may")
        if (gap := of["chunk_gap_in_chunks"]["p99"]) >= GAP:
            found.append(f"{when} a gap in 100 is {gap:.2f} chunks or longer; it must be below {GAP:g}")
    refusal = figures["crowded"]["refusal_ms"]
    if refusal is None:
        found.append("nobody of the crowd was refused, so there was none")
    elif refusal["p99"] >= REFUSAL_MS:
        found.append(f"a refusal in 100 took {refusal['p99']:.0f} ms; it must take below {REFUSAL_MS:g}")
    if figures["resident_growth"] > GROWTH:
        found.append(
            f"the memory grew by {figures['resident_growth']:.1%} after the warm-up; at most {GROWTH:.0%}"
        )
    after, files = figures["after"], figures["before"]["open_files"]
    if after["open_files"] > files:
        found.append(f"{after['open_files']} open files were left, of {files} before")
    if after["threads"] > (most := figures["threads_in_the_first_half"]):
        found.append(f"{after['threads']} threads were left; in the first half there were at most {most}")
    return found
