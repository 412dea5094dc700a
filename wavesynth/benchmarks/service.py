"""What a service gives its listeners, and what it takes of the machine: measured from outside, over gRPC."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wavesynth.benchmarks.listening import Listeners, Load, Track, untracked
from wavesynth.benchmarks.processor import Usage, usage
from wavesynth.benchmarks.ramp import find_capacity
from wavesynth.benchmarks.run import Run
from wavesynth.clients.timing import percentiles

if TYPE_CHECKING:
    from wavesynth.benchmarks.playback import Kind

__all__ = ["KINDS", "ServiceBenchmark", "stated_capacity"]

#: Kinds of calls of each load, in turn.
KINDS: dict[str, tuple[Kind, ...]] = {
    "streaming": ("streaming",),
    "bidirectional": ("bidirectional",),
    "both": ("streaming", "bidirectional"),
}
#: Seconds of audio of the calls of a short run, which looks whether there is an underrun.
PROBE = 5.0
#: Seconds of audio of calls that are made to see how many are admitted: more than a service makes ahead, so that none
#: has ended when the last one comes.
ADMISSION = 4.0
#: Streams at once that are tried at most.
MOST = 10_000
#: Seconds, at most, of the listeners beside whom short calls are made, and from one of these calls to the next.
JOINING, EVERY = 30.0, 0.5
#: Short calls after which it is shown how many there were.
BATCH = 10


@dataclass
class ServiceBenchmark:
    """Measures one voice of a service; `load` says which, and where."""

    listeners: Listeners
    load: Load
    kinds: Sequence[Kind]
    """Of the calls, in turn."""
    track: Track
    server_pid: int | None = None
    """Of the server's first process, if it runs here."""
    log: Callable[[], list[str]] = list
    """What the server has written to standard error, in lines."""

    def first_audio(self, calls: int, words: int = 0) -> dict[str, float]:
        """Milliseconds to the first audio of calls to a service that does nothing else; of texts of so many `words`, if
        it reads. Raises ValueError if one is refused."""
        batches = [min(BATCH, calls - done) for done in range(0, calls, BATCH)]
        first: list[float] = []
        for batch in self.track(batches, "first audio", len(batches)):
            listened = self.listeners.listen(replace(self.load, calls=batch, words=words), untracked, "")
            if listened.refused:
                raise ValueError("the service refused a call when there was no other; it must be idle")
            first += listened.first
        return percentiles(first)

    def ask_held_back(self) -> float:
        """Notes the samples of input that the service holds back; returns how long they last, in milliseconds."""
        asked = self.listeners.listen(replace(self.load, asks_held_back=True), untracked, "")
        self.load = replace(self.load, held_back=asked.held_back)
        return 1000 * asked.held_back / self.load.sample_rate

    def run(self, streams: int, seconds: float, what: str = "", joining: bool = False) -> Run:
        """So many calls at once, each of `seconds` of audio; with `joining`, short ones beside them."""
        kinds = (tuple(self.kinds) * streams)[:streams]
        load = replace(self.load, kinds=kinds, seconds=seconds)
        if joining:
            load = replace(load, calls=math.ceil(seconds / EVERY), every=EVERY)
        usages: list[Usage] = []

        def look() -> None:
            taken = None if self.server_pid is None else usage(self.server_pid)
            usages.extend([] if taken is None else [taken])

        description = what or f"{streams} {'stream' if streams == 1 else 'streams'}"
        return Run(self.listeners.listen(load, self.track, description, look), usages)

    def joining(self, streams: int, seconds: float) -> dict[str, Any]:
        """First audio of calls that join while so many others go on."""
        listened = self.run(streams, min(seconds, JOINING), "first audio beside them", joining=True).listened
        return {
            "time_to_first_audio_joining_ms": percentiles(listened.first) if listened.first else None,
            "joined": len(listened.first),
            "joining_refused": listened.refused,
        }

    def capacity(self, seconds: float, say: Callable[[str], None]) -> tuple[dict[str, Any], Run]:
        """The largest number of streams without an underrun for `seconds`, and that run, or the run of 1 if there is no
        such number; beside it what the service admits."""
        why = ""

        def probe(streams: int, seconds: float = min(PROBE, seconds)) -> Run:
            nonlocal why
            run = self.run(streams, seconds)
            say(_sentence(streams, run, seconds))
            if not run.flawless:
                why = "refused" if run.refused else "failed" if run.failed else "underruns"
            return run

        def confirm(streams: int) -> Run:
            return probe(streams, seconds)

        streams, confirmed = find_capacity(probe, confirm, _flawless, MOST)
        found = {
            "streams": streams,
            "limited_by": why,
            "admitted": self.admitted(max(8, 2 * streams)),
            "stated": stated_capacity(self.log(), self.load.voice, self.kinds),
        }
        return found, confirmed

    def admitted(self, demand: int) -> int | None:
        """How many calls at once the service admits, of so many, or of two or four times as many if it refuses none;
        None if it refuses none of these either."""
        for calls in (demand, 2 * demand, 4 * demand):
            run = self.run(calls, ADMISSION, f"{calls} calls at once")
            if run.refused:
                return len(run.of())
        return None


def stated_capacity(log: Sequence[str], voice: str, kinds: Sequence[Kind] = ("bidirectional",)) -> int | None:
    """Live streams of that voice, of such kinds in turn, that a server says it carries: by the newest `live_streams`
    and `made_ahead` in its log, which have one number for each voice; None if it says nothing."""
    names: dict[Kind, str] = {"bidirectional": "live_streams", "streaming": "made_ahead"}
    for line in reversed(log):
        try:
            said = json.loads(line)
            most = [said[names[kind]][voice] for kind in kinds]
            return int(len(most) / sum(1 / each for each in most)) if all(most) else 0
        except (ValueError, KeyError, TypeError):
            continue
    return None


def _flawless(run: Run) -> bool:
    return run.flawless


def _sentence(streams: int, run: Run, seconds: float) -> str:
    failed = "".join(f", {code} {number}" for code, number in run.failed.items())
    return f"at once {streams}, for {seconds:g} s: underruns {run.underruns}, refused {run.refused}{failed}"
