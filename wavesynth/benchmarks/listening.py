"""Listeners in processes of their own, so that they take nothing from the service but cores."""

from __future__ import annotations

import asyncio
import gc
import math
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import Any

import grpc

from wavesynth.benchmarks.playback import (
    Heard,
    Load,
    connected,
    hear,
    input_held_back,
    time_to_first_audio,
)
from wavesynth.clients.errors import service_error
from wavesynth.workers import begin_worker, cores

__all__ = ["Heard", "Listened", "Listeners", "Load", "Track", "listeners", "untracked"]

#: Gives the items, and shows how many of them there were, of how many; with words for what it is about.
Track = Callable[[Iterable[Any], str, float], Iterator[Any]]

#: Listeners of a process: they take a fifth of a core.
IN_A_PROCESS = 32
#: Seconds of audio, about, that a service makes before they are heard: those in hand, and 64 KiB on the way.
AHEAD = 2.5
#: Seconds between looks at the processes.
TICK = 0.5


def untracked(items: Iterable[Any], description: str, total: float) -> Iterator[Any]:
    """The items, and nothing is shown."""
    yield from items


@dataclass
class Listened:
    """What all listeners of a load noticed."""

    heard: list[Heard] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    """Seconds to the first audio of each short call that was not refused."""
    refused: int = 0
    """Short calls that were."""
    held_back: int = 0
    """Samples: see `input_held_back`."""
    processor_seconds: float = 0.0

    def add(self, other: Listened) -> None:
        """Joins what another process noticed to it."""
        self.heard += other.heard
        self.first += other.first
        self.refused += other.refused
        self.held_back += other.held_back
        self.processor_seconds += other.processor_seconds


class Listeners:
    """The processes; there are more of them when a load needs more."""

    def __init__(self) -> None:
        self._processes: list[tuple[Any, Pipe]] = []

    def listen(
        self, load: Load, track: Track, description: str, tick: Callable[[], None] = lambda: None
    ) -> Listened:
        """What `load` gives, all its calls begun at one time; `tick` is called twice a second meanwhile.

        Raises ValueError, in a sentence, if a process of listeners fails.
        """
        shares = load.shared(max(1, min(cores(), math.ceil(len(load.kinds) / IN_A_PROCESS))))
        while len(self._processes) < len(shares):
            self._start()
        pipes = [pipe for _, pipe in self._processes[: len(shares)]]
        for pipe, share in zip(pipes, shares, strict=True):
            _send(pipe, share)
        for pipe in pipes:
            _received(pipe)  # it has its connections
        tick()
        begin, listened = time.monotonic() + 0.1, Listened()
        for pipe in pipes:
            _send(pipe, begin)
        waiting = _gathered(pipes, listened)
        for _ in track(waiting, description, max(1, round(load.seconds / TICK))):
            tick()
        tick()
        return listened

    def close(self) -> None:
        """Ends the processes."""
        for process, pipe in self._processes:
            process.terminate()
            process.join()
            pipe.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        self._processes.append((process, ours))


@contextmanager
def listeners() -> Iterator[Listeners]:
    """One process of listeners, and more when they are needed; they end afterwards."""
    processes = Listeners()
    processes._start()
    try:
        yield processes
    finally:
        processes.close()


def _gathered(pipes: list[Pipe], listened: Listened) -> Iterator[None]:
    """Adds what each process says to `listened`; yields now and then."""
    missing, due = list(pipes), time.monotonic() + TICK
    while missing:
        for pipe in wait(missing, max(0.0, due - time.monotonic())):
            listened.add(_received(pipe))
            missing.remove(pipe)  # type: ignore[arg-type]
        if time.monotonic() >= due:
            due += TICK
            yield


@contextmanager
def _alive() -> Iterator[None]:
    try:
        yield
    except (EOFError, ConnectionError):
        raise ValueError("a process of listeners ended before its time") from None


def _send(pipe: Pipe, what: Any) -> None:
    with _alive():
        pipe.send(what)


def _received(pipe: Any) -> Any:
    with _alive():
        said = pipe.recv()
    if isinstance(said, Exception):
        raise said
    return said


def _serve(pipe: Pipe) -> None:
    """A process of listeners: takes loads, says when it is connected, waits for the time to begin."""
    begin_worker()
    gc.freeze()
    while True:
        try:
            load = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(asyncio.run(_run(load, pipe)))
        except grpc.RpcError as error:
            pipe.send(ValueError(str(service_error(error))))


async def _run(load: Load, pipe: Pipe) -> Listened:
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(connected(load.address)) for _ in (*load.kinds, "short calls")
        ]
        for channel in channels:
            await channel.channel_ready()
        pipe.send(None)
        begin = pipe.recv()
        *own, short = channels
        listened = Listened()
        if load.asks_held_back:
            listened.held_back = await input_held_back(short, load)
            return listened
        await asyncio.sleep(begin - time.monotonic())
        began = time.process_time()
        calls = asyncio.create_task(_short_calls(short, load, begin, listened))
        jobs = [
            hear(channel, load, kind, number)
            for number, (channel, kind) in enumerate(zip(own, load.kinds, strict=True))
        ]
        listened.heard = list(await asyncio.gather(*jobs))
        await calls
        listened.processor_seconds = time.process_time() - began
        return listened


async def _short_calls(channel: Any, load: Load, begin: float, listened: Listened) -> None:
    """Beside listeners they begin a second later than these, and end before the service has made all for them."""
    for number in range(load.calls):
        if load.kinds:
            await asyncio.sleep(max(0.0, begin + 1 + number * load.every - time.monotonic()))
            if number and time.monotonic() > begin + load.seconds - AHEAD:
                return
        first = await time_to_first_audio(channel, load)
        listened.refused += first is None
        listened.first += [] if first is None else [first]
        await asyncio.sleep(0.02)  # until the service has ended it
