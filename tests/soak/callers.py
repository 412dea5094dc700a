"""Callers of a soak, in processes of their own: some speak for minutes, some come and go, a crowd comes at times."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wavesynth.benchmarks.playback import Heard, Kind, Load, connected, hear
from wavesynth.workers import begin_worker

__all__ = ["CROWD", "REGULAR_KINDS", "Call", "Caller", "Callers", "callers", "crowded"]

#: How many callers there are when it is crowded, for each one that there is room for.
CROWD = 5
#: Of the calls of those who are always there, in turn: every second one stays.
REGULAR_KINDS: tuple[Kind, ...] = ("bidirectional", "streaming", "bidirectional", "bidirectional")
#: Seconds of audio of a call: of one who stays, of one who comes and goes, and of one of the crowd.
LENGTHS = {"stays": (60.0, 240.0), "comes and goes": (2.0, 20.0), "crowd": (2.0, 5.0)}
#: Seconds from the end of a call to the caller's next one, and after a refusal.
PAUSE, AFTER_REFUSAL = (0.05, 0.5), (0.5, 1.5)
#: Seconds between looks at how late the callers' own process is.
TICK = 0.01


@dataclass(frozen=True)
class Caller:
    """Somebody who calls again and again."""

    manner: Literal["stays", "comes and goes", "crowd"]
    kind: Kind
    seed: int


@dataclass(frozen=True)
class Call:
    """What a caller noticed of one call."""

    manner: str
    kind: str
    begun: float
    """Seconds from the soak's beginning."""
    lasted: float
    """Seconds from the call to its end; of one that was refused, to the refusal."""
    code: str
    reason: str
    dry: NDArray[np.float64]
    """When its player ran dry, in seconds from the soak's beginning, [underruns]."""
    first_audio: float | None
    """Seconds."""
    gaps: NDArray[np.float32]
    """Seconds from each chunk to the next, [chunks - 1]."""
    lengths: NDArray[np.float32]
    """Seconds of audio of the chunk before each gap, [chunks - 1]."""

    @property
    def underruns(self) -> int:
        """How often its player ran dry."""
        return len(self.dry)

    @property
    def refused(self) -> bool:
        """Whether there was no place for it."""
        return self.code == "RESOURCE_EXHAUSTED"


@dataclass
class Noticed:
    """What the callers of one process noticed."""

    calls: list[Call] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    """Seconds that this process was late for its own appointments: what it hears late may be its own fault."""


def crowded(now: float, seconds: float, rounds: int) -> bool:
    """Whether there is a crowd `now` seconds after the beginning: in the second quarter of each round."""
    return 0.25 <= now / seconds * rounds % 1 < 0.5


class Callers:
    """The processes; they call from `begin` on, for so many seconds."""

    def __init__(self, load: Load, shares: list[list[Caller]], seconds: float, rounds: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.begun = 0.0
        """When they began."""
        self._processes = []
        for share in shares:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, load, share, seconds, rounds), daemon=True)
            process.start()
            theirs.close()
            self._processes.append((process, ours))
        for _, pipe in self._processes:
            pipe.recv()  # it has its connections

    def begin(self, begin: float) -> None:
        """Has them begin at a time of `time.monotonic()`."""
        self.begun = begin
        for _, pipe in self._processes:
            pipe.send(begin)

    def noticed(self) -> Noticed:
        """What they noticed; waits for their last calls to end."""
        all_ = Noticed()
        for _, pipe in self._processes:
            noticed = pipe.recv()
            all_.calls += noticed.calls
            all_.late += noticed.late
        return all_

    def close(self) -> None:
        """Ends the processes."""
        for process, pipe in self._processes:
            process.terminate()
            process.join()
            pipe.close()


@contextmanager
def callers(load: Load, places: int, seconds: float, rounds: int) -> Iterator[Callers]:
    """As many callers as there are places, half of whom stay; and a crowd of so many more that there are `CROWD` times
    as many. The crowd has a process of its own."""
    regular = [
        Caller("comes and goes" if seed % 2 else "stays", REGULAR_KINDS[seed % len(REGULAR_KINDS)], seed)
        for seed in range(places)
    ]
    crowd = [Caller("crowd", "streaming", seed) for seed in range(places, CROWD * places)]
    made = Callers(load, [regular, crowd], seconds, rounds)
    try:
        yield made
    finally:
        made.close()


def _serve(pipe: Any, load: Load, share: list[Caller], seconds: float, rounds: int) -> None:
    begin_worker()
    gc.freeze()
    pipe.send(asyncio.run(_run(pipe, load, share, seconds, rounds)))


async def _run(pipe: Any, load: Load, share: list[Caller], seconds: float, rounds: int) -> Noticed:
    channels = [connected(load.address) for _ in share]
    for channel in channels:
        await channel.channel_ready()
    pipe.send(None)
    begin = await asyncio.to_thread(pipe.recv)
    await asyncio.sleep(begin - time.monotonic())
    noticed = Noticed()
    looking = asyncio.create_task(_look(noticed))
    await asyncio.gather(
        *(
            _calls(channel, load, caller, begin, seconds, rounds, noticed)
            for channel, caller in zip(channels, share, strict=True)
        )
    )
    looking.cancel()
    for channel in channels:
        await channel.close()
    return noticed


async def _look(noticed: Noticed) -> None:
    while True:
        due = time.monotonic() + TICK
        await asyncio.sleep(TICK)
        noticed.late.append(max(0.0, time.monotonic() - due))


async def _calls(
    channel: Any, load: Load, caller: Caller, begin: float, seconds: float, rounds: int, noticed: Noticed
) -> None:
    """One caller's calls. None goes on for much longer than the soak."""
    chance = random.Random(caller.seed)
    while (left := begin + seconds - time.monotonic()) > LENGTHS["crowd"][0]:
        if caller.manner == "crowd" and not crowded(time.monotonic() - begin, seconds, rounds):
            await asyncio.sleep(chance.uniform(0.1, 0.3))
            continue
        of = replace(load, seconds=min(left, chance.uniform(*LENGTHS[caller.manner])), piece=TICK)
        heard = await hear(channel, of, caller.kind, caller.seed)
        call = _call(caller, heard, begin)
        noticed.calls.append(call)
        await asyncio.sleep(chance.uniform(*(AFTER_REFUSAL if call.refused else PAUSE)))


def _call(caller: Caller, heard: Heard, begin: float) -> Call:
    timing = heard.timing
    return Call(
        caller.manner,
        caller.kind,
        timing.started - begin,
        time.monotonic() - timing.started,
        heard.code,
        heard.reason,
        np.array(timing.dry) - begin,
        timing.time_to_first_audio if timing.arrivals else None,
        np.diff(timing.arrivals).astype(np.float32),
        np.array(timing.lengths[:-1], np.float32),
    )
