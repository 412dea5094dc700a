"""One load of a service: what its listeners noticed, and what the server took for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wavesynth.benchmarks.listening import Heard, Listened
from wavesynth.benchmarks.processor import Usage
from wavesynth.clients.timing import BUFFER, percentiles

__all__ = ["Run"]


@dataclass
class Run:
    """One load, and what it took."""

    listened: Listened
    usages: list[Usage] = field(default_factory=list)
    """Of the server, from before the first call to after the last; empty if its processes are not known."""

    def of(self, kind: str | None = None) -> list[Heard]:
        """What was heard of the calls that were admitted."""
        admitted = [heard for heard in self.listened.heard if heard.code != "RESOURCE_EXHAUSTED"]
        return [heard for heard in admitted if kind in (None, heard.kind)]

    @property
    def refused(self) -> int:
        """Calls that were not admitted."""
        return len(self.listened.heard) - len(self.of())

    @property
    def failed(self) -> dict[str, int]:
        """Calls that were admitted and did not end well, by status code."""
        codes = [heard.code for heard in self.of() if heard.code != "OK"]
        return {code: codes.count(code) for code in sorted(set(codes))}

    @property
    def underruns(self) -> int:
        """Of all calls that were admitted."""
        return sum(heard.timing.underruns for heard in self.of())

    @property
    def audio_seconds(self) -> float:
        """Of all calls together."""
        return sum(heard.timing.samples / heard.timing.sample_rate for heard in self.of())

    @property
    def flawless(self) -> bool:
        """Whether all calls were admitted, and heard without an underrun."""
        return not (self.refused or self.failed or self.underruns)

    def figures(self) -> dict[str, Any]:
        """What listeners noticed."""
        kinds = sorted({heard.kind for heard in self.of()})
        return {
            "admitted": len(self.of()),
            "refused": self.refused,
            "failed": self.failed,
            "underruns": self.underruns,
            "underruns_by_load": {kind: sum(h.timing.underruns for h in self.of(kind)) for kind in kinds},
            "player_buffer_ms": 1000 * BUFFER,
            "chunk_gap_ms": percentiles([gap for heard in self.of() for gap in heard.timing.gaps()]),
        }

    def latency_ms(self) -> dict[str, float] | None:
        """From the last input that a chunk needs to the chunk; None without bidirectional calls."""
        latencies = [heard.latencies for heard in self.of("bidirectional")]
        return percentiles(list(np.concatenate(latencies))) if latencies else None

    def processor_seconds(self) -> dict[str, float | None]:
        """For a second of audio heard."""
        heard = max(self.audio_seconds, 1e-9)
        server = (self.usages[-1].seconds - self.usages[0].seconds) / heard if self.usages else None
        return {"server": server, "listeners": self.listened.processor_seconds / heard}

    def server_memory_mb(self) -> dict[str, float] | None:
        """Before, at most and afterwards, and how much more for each stream at most."""
        if not self.usages:
            return None
        resident = [usage.resident_bytes / 1e6 for usage in self.usages]
        start, peak = resident[0], max(resident)
        per_stream = (peak - start) / max(1, len(self.of()))
        return {"start": start, "peak": peak, "end": resident[-1], "per_stream": per_stream}
