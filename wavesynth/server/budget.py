"""Room for the input of all calls together, in bytes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from wavesynth.server.errors import RefusedError

__all__ = ["UNDISTURBED", "InputBudget", "Reserved"]

_MEBIBYTE = 1 << 20
#: Seconds that a call may hold room for a message that does not come, while others wait for room.
UNDISTURBED = 1.0


class InputBudget:
    """Lends `total` bytes to calls, and to one client the part `share` at most. For one event loop."""

    def __init__(self, total: int, share: float) -> None:
        self._total, self._share = total, share
        self._free = total
        self._of_client: Counter[str] = Counter()
        self._returned = asyncio.Event()
        self._reading: dict[asyncio.Timeout, float] = {}  # since when; the one that began first is the first

    @contextmanager
    def call(self, client: str) -> Iterator[Reserved]:
        """What a call of the client has, which is given back at its end; an empty name is nobody's in particular."""
        reserved = Reserved(self, client)
        try:
            yield reserved
        finally:
            reserved.set(0)

    def has_room(self, client: str, more: int) -> bool:
        """Whether the client may have so many bytes more."""
        if more <= 0:
            return True
        within = not client or self._of_client[client] + more <= self._share * self._total
        return within and more <= self._free

    def take(self, client: str, more: int) -> None:
        """Lends the client so many bytes more, or takes some back."""
        self._free -= more
        if client:
            self._of_client[client] += more
            if not self._of_client[client]:
                del self._of_client[client]
        if more < 0:
            self._returned.set()

    @contextmanager
    def reading(self, limit: asyncio.Timeout) -> Iterator[None]:
        """A call waits for a message for which it has room. Its `limit` is moved if others wait for room and it has
        waited longest: a few callers who send nothing must not keep all others away."""
        self._reading[limit] = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            self._reading.pop(limit, None)

    async def returned(self) -> None:
        """Waits until a call gives something back, or until a while has passed and one that sends nothing was ended."""
        now = asyncio.get_running_loop().time()
        limit, since = next(iter(self._reading.items()), (None, now))
        patience = since + UNDISTURBED - now
        if limit is not None and patience <= 0:
            del self._reading[limit]
            limit.reschedule(now)
            patience = UNDISTURBED
        self._returned.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience if limit else None):
                await self._returned.wait()

    def full(self) -> RefusedError:
        """Why a call gets no more."""
        sentence = (
            f"the input of all calls together takes up its {self._total // _MEBIBYTE} MiB, or that of one client its "
            f"{self._share:.0%} of them"
        )
        return RefusedError.full(sentence, 1.0, "input")


class Reserved:
    """What one call has of an `InputBudget`."""

    def __init__(self, budget: InputBudget, client: str) -> None:
        """The budget makes it."""
        self._budget, self._size = budget, 0
        self.client = client
        """Whose call it is; empty for nobody's in particular."""

    async def wait_for(self, size: int) -> None:
        """Has `size` bytes, as soon as they are free."""
        while not self._budget.has_room(self.client, size - self._size):
            await self._budget.returned()
        self.set(size)

    def set(self, size: int) -> None:
        """Has `size` bytes from now on. Raises RefusedError if they are not free."""
        if not self._budget.has_room(self.client, size - self._size):
            raise self._budget.full()
        self._budget.take(self.client, size - self._size)
        self._size = size
