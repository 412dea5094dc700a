"""What a page sends during a call, on its way from the page's event loop to the service's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection

__all__ = ["Input", "on_loop"]

T = TypeVar("T")

#: What a message takes beside its bytes: one without any counts too.
_OVERHEAD = 64
#: Bytes of whole samples in every format: pieces of so many can be joined, and no error is hidden.
_WHOLE = 4


async def on_loop(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """What `coroutine` returns or raises on another thread's event loop; it is cancelled there when it is here."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))


class Input:
    """The binary messages of a WebSocket, up to a text or its end. About `most` bytes may wait for the call; then
    nothing more is read."""

    def __init__(self, most: int) -> None:
        self._most, self._loop = most, asyncio.get_running_loop()
        self._pieces: deque[bytes] = deque()
        self._size, self._ended = 0, False
        self._changed = asyncio.Condition()

    async def read(self, socket: ServerConnection) -> None:
        """Moves messages here until the page is gone."""
        async for message in socket:
            async with self._changed:
                await self._changed.wait_for(lambda: self._size < self._most)
                if isinstance(message, str):
                    self._ended = True
                elif not self._ended:
                    self._pieces.append(message)
                    self._size += len(message) + _OVERHEAD
                self._changed.notify_all()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes of messages, for another event loop; those that wait come together."""
        while (piece := await on_loop(self._loop, self._take())) is not None:
            yield piece

    async def _take(self) -> bytes | None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._pieces or self._ended)
            if not self._pieces:
                return None
            taken = [self._pieces.popleft()]
            while self._pieces and not len(taken[-1]) % _WHOLE:
                taken.append(self._pieces.popleft())
            self._size -= sum(len(piece) + _OVERHEAD for piece in taken)
            self._changed.notify_all()
            return b"".join(taken)
