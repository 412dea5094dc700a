"""Waiting for a caller, and no longer than the server's limits say.

What is waited for inside is cancelled, so whoever waits must leave its place on the way out, as always.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from wavesynth.server.errors import RefusedError
from wavesynth.server.limits import Limits
from wavesynth.server.request_ids import HEADER
from wavesynth.server.telemetry import Call

__all__ = ["Answer", "LiveInput", "next_message", "within"]


@asynccontextmanager
async def within(seconds: float, refusal: RefusedError) -> AsyncIterator[asyncio.Timeout]:
    """Ends what is inside after so many seconds, or when its limit is moved: raises `refusal`."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield limit
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise refusal from error
    finally:
        del refusal  # what knows its own traceback stays


async def next_message(requests: AsyncIterator[Any], limits: Limits) -> Any:
    """The next message of a live call's input; None after the last. Raises RefusedError when none comes."""
    sentence = f"no input came for {limits.idle:g} seconds; a live call may send nothing for so long at most"
    async with within(limits.idle, RefusedError(grpc.StatusCode.DEADLINE_EXCEEDED, sentence)):
        return await anext(requests, None)


class LiveInput:
    """The messages of a live call's input after the first: none may come too late, and all together not be slow for
    long. A few samples now and then would hold a place for as long as calls may last."""

    def __init__(self, requests: AsyncIterator[Any], limits: Limits) -> None:
        self._requests, self._limits = requests, limits
        self._behind = 0.0

    async def next(self) -> Any:
        """The next one; None after the last. Raises RefusedError when none comes, or when they are slow for long."""
        began = time.monotonic()
        message = await next_message(self._requests, self._limits)
        self._behind += time.monotonic() - began
        if message is not None and self._behind > self._limits.behind:
            sentence = (
                f"the input is {self._behind:.1f} seconds behind half of real time; it may be behind by "
                f"{self._limits.behind:g} seconds at most"
            )
            raise RefusedError(grpc.StatusCode.DEADLINE_EXCEEDED, sentence)
        return message

    def had(self, seconds: float) -> None:
        """The last one had so many seconds of audio."""
        self._behind = max(0.0, self._behind - 2 * seconds)


class Answer:
    """The messages of a call's answer; its initial metadata names the request."""

    def __init__(self, context: Any, limits: Limits, call: Call) -> None:
        self._context, self._stall, self._call = context, limits.stall, call
        self._unread = (
            f"the answer was not read for {self._stall:g} seconds; a reader may stop for so long at most"
        )
        self._metadata = ((HEADER, call.request_id),)
        self._begun = False

    async def send(self, message: Any) -> None:
        """Writes a message. Raises RefusedError when the caller takes nothing for too long.

        The code is ABORTED: who has paused for longer may call again for the rest (`first_sample`).
        """
        async with within(self._stall, RefusedError(grpc.StatusCode.ABORTED, self._unread)):
            if not self._begun:
                self._begun = True
                # By itself: gRPC sends no status of a call whose headers are part of a write that was given up.
                await self._context.send_initial_metadata(self._metadata)
            if self._call.span is None:
                await self._context.write(message)
                return
            began = time.monotonic()
            await self._context.write(message)
            self._call.write_seconds += time.monotonic() - began
