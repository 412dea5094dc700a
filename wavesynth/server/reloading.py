"""A reload: voices, models of images, tokens and certificates are read again, and calls under way go on with what they
began with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from wavesynth.engine.engine import Engine
from wavesynth.files import sentence
from wavesynth.server.catalogue import Catalogue, Snapshot
from wavesynth.server.telemetry import log
from wavesynth.v1 import admin_pb2 as pb

__all__ = ["Changes", "Files", "Reload", "Reloaded"]

#: Seconds in which a call that was checked for a voice, as it was before, can still begin with it.
_LATECOMERS = 5.0


@dataclass(frozen=True)
class Changes:
    """Names of what has changed, in order."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, before: Mapping[str, Any], now: Mapping[str, Any]) -> Changes:
        """Between two times."""
        return cls(
            sorted(set(now) - set(before)),
            sorted(name for name in set(now) & set(before) if now[name] is not before[name]),
            sorted(set(before) - set(now)),
        )


@dataclass(frozen=True)
class Files:
    """Files of tokens and certificates that are in use as they are now, and what is wrong with others."""

    files: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reloaded:
    """What a reload has changed, and what could not be used."""

    voices: Changes
    image_models: Changes
    files: list[str]
    problems: list[str]

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Reloaded:
        """The one that was made JSON by `dataclasses.asdict`."""
        changes = {name: Changes(**plain[name]) for name in ("voices", "image_models")}
        return cls(**plain | changes)

    def message(self) -> pb.ReloadResponse:
        """As its caller is told."""
        return pb.ReloadResponse(
            voices=pb.Changes(**asdict(self.voices)),
            image_models=pb.Changes(**asdict(self.image_models)),
            files=self.files,
            problems=self.problems,
        )


class Reload:
    """Reads everything again, once at a time. `offer` has all that speak gRPC serve what there is, and read their
    files. With `most`, there is never room for more live streams than so many.

    A reload that has begun goes on to its end, whoever waits for it: its threads cannot be stopped.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        snapshot: Snapshot,
        engine: Engine,
        offer: Callable[[Snapshot], Awaitable[Files]],
        most: int | None = None,
    ) -> None:
        self._catalogue, self._engine, self._offer = catalogue, engine, offer
        self._most = most
        self.snapshot = snapshot
        """What is served now."""
        self._one = asyncio.Lock()
        self._tasks: set[asyncio.Task[Reloaded]] = set()

    async def __call__(self) -> Reloaded:
        """What has changed. Raises what nobody expected, which is in the log too."""
        return await asyncio.shield(self.begin())

    def begin(self) -> asyncio.Task[Reloaded]:
        """Begins one for which nobody need wait."""
        task = asyncio.create_task(self._again())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Reloaded]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log("a reload has failed", "error", exc_info=error)

    async def _again(self) -> Reloaded:
        async with self._one:
            before, problems = self.snapshot, list[str]()
            try:
                now, problems = await asyncio.to_thread(self._catalogue.again)
            except (ValueError, OSError) as error:
                now, problems = before, [f"{sentence(error)}; what was there before stays"]
            voices = Changes.of(before.ready, now.ready)
            if self._most is not None:
                problems += _limited(now, [*voices.added, *voices.replaced], self._most)
                now = replace(now, capacity=now.capacity.at_most(self._most))
            self.snapshot = now
            # Calls ask for what they are offered: the engine has it before, and keeps what it had for a moment.
            self._engine.replace(now.voices, now.planes, now.capacity, now.editions)
            asyncio.get_running_loop().call_later(_LATECOMERS, self._engine.forget_replaced, now.editions)
            files = await self._offer(now)
            problems += [problem for problem in files.problems if problem not in problems]
            made = Reloaded(
                voices,
                Changes.of(before.images, now.images),
                files.files,
                problems,
            )
            log("reloaded", **asdict(made))
            return made


def _limited(now: Snapshot, names: list[str], most: int) -> list[str]:
    """Sentences about those of these voices of which there would be room for more live streams."""
    return [
        f"voice {name} could have more than {most} live streams; with --workers there is memory for no more than at "
        "the start, until the server starts again"
        for name in names
        if now.capacity.most_streams(name) > most
    ]
