"""Messages as they come, and how large ones are looked through: aside, one at a time, so that nobody waits for them.

The size of a message is that of its bytes. Protobuf tells it by encoding the message anew, which takes longer than to
decode it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

__all__ = ["Aside", "Received", "message_size"]

#: Bytes of a message that takes a millisecond or so to look through.
_LARGE = 1 << 18

T = TypeVar("T")

#: Bytes of the message that this task has read last; 0 before the first.
message_size: ContextVar[int] = ContextVar("message_size", default=0)


class Aside:
    """Work on large messages, on another thread. For one event loop.

    It has the interpreter for milliseconds, and 16 MiB of new memory take as many. So there is one at a time, and after
    each a rest as long as it took, in which the event loop and the engine go on.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def check(self, check: Callable[[], T]) -> T:
        """What `check` makes of the message that this task has read last; raises what it raises."""
        return check() if message_size.get() < _LARGE else await self.work(check)

    async def work(self, work: Callable[[], T]) -> T:
        """What `work` gives, after its turn has come; raises what it raises."""
        await self._turn.acquire()
        began = time.monotonic()
        try:
            return await asyncio.to_thread(work)
        finally:
            asyncio.get_running_loop().call_later(time.monotonic() - began, self._turn.release)


class Received:
    """A message as it came: gRPC keeps the last one of a call until the call ends, so what is taken is not kept."""

    def __init__(self, decode: Callable[[bytes], Any], data: bytes) -> None:
        self._decode, self._data = decode, data
        self.size = len(data)
        """Bytes."""

    async def take(self, aside: Aside) -> Any:
        """The message, once; its size is `message_size` then. Raises DecodeError."""
        data, self._data = self._data, b""
        message_size.set(self.size)
        return self._decode(data) if self.size < _LARGE else await aside.work(partial(self._decode, data))
