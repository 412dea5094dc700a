"""In a front end: a reload, which the engine's process makes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from wavesynth.server.reloading import Reloaded

__all__ = ["RemoteReload"]


class RemoteReload:
    """Asks for reloads, by `say`, and waits for what has become of them."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Reloaded]] = {}

    async def __call__(self) -> Reloaded:
        """What has changed. Raises RuntimeError if the reload has failed."""
        number = next(self._numbers)
        self._asked[number] = answer = asyncio.get_running_loop().create_future()
        try:
            self._say(reload=number)
            return await answer
        finally:
            del self._asked[number]

    def answered(self, reloaded: int, result: dict[str, Any] | None) -> None:
        """The engine's process has answered; None if the reload has failed. Whoever asked may wait no more."""
        answer = self._asked.get(reloaded)
        if answer is None or answer.done():
            return
        if result is None:
            answer.set_exception(RuntimeError("the reload has failed; the engine's process has logged why"))
        else:
            answer.set_result(Reloaded.from_plain(result))
