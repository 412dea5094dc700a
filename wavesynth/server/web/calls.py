"""What the service's methods use of a gRPC context, for callers who come another way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from wavesynth.server.web.input import on_loop

__all__ = ["CallContext"]

T = TypeVar("T")


class CallContext:
    """Who calls, and with which metadata. Made on the page's event loop, and used on the service's."""

    def __init__(self, address: Sequence[Any], metadata: Sequence[tuple[str, str]]) -> None:
        self._address, self._metadata = tuple(address), tuple(metadata)
        self._loop = asyncio.get_running_loop()

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """The caller's token and what the request is named by, as a client of gRPC sends them."""
        return self._metadata

    def peer(self) -> str:
        """Who calls, as gRPC writes it."""
        if not self._address:  # it is gone already
            return ""
        host, port = self._address[:2]
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"

    async def send_initial_metadata(self, metadata: object) -> None:
        """There is none: the answer's first headers name the request."""

    def set_trailing_metadata(self, metadata: object) -> None:
        """There is none either."""

    def time_remaining(self) -> None:
        """There is no deadline."""

    async def on_page(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What `coroutine` returns or raises on the page's event loop."""
        return await on_loop(self._loop, coroutine)
